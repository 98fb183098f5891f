// Run as the user whose file it is: its name in a line, then the text, on standard input; the reply on standard output.
import { appendToFile } from './append-to-file.ts';

const chunks: Buffer[] = [];
for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
const input = Buffer.concat(chunks);
const end = input.indexOf(10);
process.stdout.write(await appendToFile(input.toString('utf8', 0, end), input.subarray(end + 1)));
