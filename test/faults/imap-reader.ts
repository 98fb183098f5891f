import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Reads which numbered messages an account's INBOX holds. */
export class ImapReader {
  uidValidity = 0;
  readonly #socket: Socket;
  #text = '';
  #wake: (() => void) | null = null;
  #closed = false;
  #tag = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#text += chunk;
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static async open(port: number, user: string, password: string): Promise<ImapReader> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const reader = new ImapReader(socket);
    await reader.#command(`LOGIN ${user} ${password}`);
    const selected = await reader.#command('SELECT INBOX');
    reader.uidValidity = Number(/UIDVALIDITY (\d+)/.exec(selected)?.[1] ?? 0);
    return reader;
  }

  async numbers(): Promise<{ uid: number; number: number }[]> {
    const text = await this.#command('UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (X-Number)])');
    return [...text.matchAll(/UID (\d+)[^\r\n]*\r\nX-Number: (\d+)/g)].map(([, uid, number]) => ({
      uid: Number(uid),
      number: Number(number),
    }));
  }

  close(): void {
    this.#socket.destroy();
  }

  async #command(text: string): Promise<string> {
    const tag = `r${++this.#tag}`;
    this.#socket.write(`${tag} ${text}\r\n`);
    for (;;) {
      const end = new RegExp(`(?:^|\\r\\n)${tag} (OK|NO|BAD)[^\\r]*\\r\\n`).exec(this.#text);
      if (end !== null) {
        const answer = this.#text;
        this.#text = '';
        if (end[1] !== 'OK') throw new Error(`${text}: ${end[0].trim()}`);
        return answer;
      }
      if (this.#closed) throw new Error(`${text}: closed`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
