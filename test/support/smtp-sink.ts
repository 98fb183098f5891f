import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';

/** What the sink says; a function sees the command and may answer by itself. A string is sent as it is. */
export interface SinkScript {
  /** Default `220 sink ESMTP`. */
  greeting?: string;
  /** Keywords after the first EHLO line. Default PIPELINING, 8BITMIME, SMTPUTF8, DSN, SIZE. */
  extensions?: string[];
  /** By verb (`MAIL`, `RCPT`, `DATA`, `TEXT` for the reply to the text), in place of 250 or 354. null: say nothing from now on. `reset`: cut the connection. */
  on?: (verb: string, line: string, session: number) => string | null | undefined;
  /** Milliseconds between the octets of what it says: 0 sends each in a packet of its own. */
  octetPause?: number;
  /** Cut the connection after this many octets of text. */
  resetInText?: number;
  /** Speak LMTP: a reply for each recipient. */
  lmtp?: boolean;
  /** PEM; STARTTLS is announced. */
  tls?: { cert: string; key: string };
  implicitTls?: boolean;
  /** Cut connections whose TLS session is an old one. */
  resetResumed?: boolean;
}

export interface Received {
  mail: string;
  rcpt: string[];
  /** As on the wire: dots doubled, without the final dot line. */
  wire: Buffer;
  /** Dots undone. */
  text: string;
  secure: boolean;
  session: number;
}

export interface Sink {
  readonly port: number;
  readonly received: Received[];
  /** Every command of every session. */
  readonly lines: string[];
  sessions: number;
  /** Connections that are not closed. */
  readonly open: number;
  /** TLS sessions that were resumed. */
  resumed: number;
  script: SinkScript;
  close(): Promise<void>;
}

/** An SMTP or LMTP server on loopback that keeps what it gets and misbehaves as told. Strict: end of data is CRLF . CRLF only. */
export async function startSink(script: SinkScript = {}, address = '127.0.0.1', port = 0): Promise<Sink> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    sink.sessions++;
    if (sink.script.implicitTls) talk(secured(socket), true, sink.sessions, true);
    else talk(socket, false, sink.sessions, true);
  });

  /** One for each pair of `script.tls`: it holds the key of the tickets. */
  const contexts = new Map<string, SecureContext>();
  function secured(socket: Socket): TLSSocket {
    const pair = sink.script.tls!;
    const secureContext = contexts.get(pair.cert) ?? createSecureContext(pair);
    contexts.set(pair.cert, secureContext);
    const upgraded = new TLSSocket(socket, { isServer: true, secureContext });
    upgraded.once('secure', () => {
      if (!upgraded.isSessionReused()) return;
      sink.resumed++;
      if (sink.script.resetResumed) upgraded.destroy();
    });
    return upgraded;
  }

  function talk(socket: Socket, secure: boolean, session: number, greet: boolean): void {
    let buffer: Buffer = Buffer.alloc(0);
    let mail = '';
    let rcpt: string[] = [];
    let inText = false;
    let octets = 0;
    let mute = false;
    const say = (reply: string | null): void => {
      if (reply === null) mute = true;
      if (mute) return;
      if (reply === 'reset') socket.resetAndDestroy?.();
      else if (sink.script.octetPause !== undefined) drip(Buffer.from(`${reply}\r\n`, 'latin1'), sink.script.octetPause);
      else if (!socket.destroyed) socket.write(`${reply}\r\n`);
      if (reply?.startsWith('421') === true) socket.end();
    };
    const dripping: number[] = [];
    const drip = (octets: Buffer, pause: number): void => {
      if (dripping.push(...octets) > octets.length) return;
      const next = (): void => {
        if (socket.destroyed || dripping.length === 0) return;
        socket.write(Buffer.from([dripping.shift()!]));
        setTimeout(next, pause);
      };
      next();
    };
    const answer = (verb: string, line: string, good: string): boolean => {
      const own = sink.script.on?.(verb, line, session);
      const reply = own === undefined ? good : own;
      say(reply);
      return reply === good || /^[23]/.test(reply ?? '');
    };
    const endOfText = (wire: Buffer): void => {
      inText = false;
      const text = wire
        .toString('latin1')
        .replace(/(^|\r\n)\.\./g, '$1.')
        .replaceAll('\r\n', '\n');
      let taken = true;
      if (sink.script.lmtp) for (const to of rcpt) taken = answer('TEXT', to, '250 2.1.5 Ok');
      else taken = answer('TEXT', '', '250 2.0.0 Ok: queued as SINK');
      if (taken) sink.received.push({ mail, rcpt, wire, text, secure, session });
      rcpt = [];
    };
    const command = (line: string): boolean => {
      sink.lines.push(line);
      const verb = line.split(' ')[0]!.toUpperCase();
      if (verb === 'EHLO' || verb === 'LHLO') {
        const words = [
          ...(sink.script.extensions ?? ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES', 'SIZE 100000000']),
        ];
        if (sink.script.tls && !secure) words.push('STARTTLS');
        const lines = ['sink.test', ...words];
        answer(verb, line, lines.map((word, i) => `250${i === lines.length - 1 ? ' ' : '-'}${word}`).join('\r\n'));
      } else if (verb === 'MAIL') {
        mail = answer(verb, line, '250 2.1.0 Ok') ? line : '';
        rcpt = [];
      } else if (verb === 'RCPT') {
        if (mail === '') say('503 5.5.1 MAIL first');
        else if (answer(verb, line, '250 2.1.5 Ok')) rcpt.push(line);
      } else if (verb === 'DATA') {
        if (rcpt.length === 0) answer(verb, line, '554 5.5.1 No valid recipients');
        else inText = answer(verb, line, '354 End data with <CR><LF>.<CR><LF>');
      } else if (verb === 'STARTTLS' && sink.script.tls) {
        if (!answer(verb, line, '220 2.0.0 Ready to start TLS')) return true;
        socket.removeAllListeners('data');
        talk(secured(socket), true, session, false);
        return false;
      } else if (verb === 'QUIT') {
        say('221 2.0.0 Bye');
        socket.end();
      } else answer(verb, line, '250 2.0.0 Ok');
      return true;
    };
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (;;) {
        if (inText) {
          octets = buffer.length;
          if (sink.script.resetInText !== undefined && octets >= sink.script.resetInText) return say('reset');
          const atStart = buffer.subarray(0, 3).toString() === '.\r\n';
          const at = atStart ? 0 : buffer.indexOf('\r\n.\r\n');
          if (at < 0) return;
          const wire = buffer.subarray(0, atStart ? 0 : at + 2);
          buffer = buffer.subarray(atStart ? 3 : at + 5);
          endOfText(Buffer.from(wire));
        } else {
          const at = buffer.indexOf('\r\n');
          if (at < 0) return;
          const line = buffer.toString('utf8', 0, at);
          buffer = buffer.subarray(at + 2);
          if (!command(line)) return;
        }
      }
    });
    if (greet) say(sink.script.greeting ?? '220 sink.test ESMTP');
  }

  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  const sink: Sink = {
    port: (server.address() as { port: number }).port,
    received: [],
    lines: [],
    sessions: 0,
    get open() {
      return sockets.size;
    },
    resumed: 0,
    script,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return sink;
}
