import { appendFileSync } from 'node:fs';
import { ClientRequest, IncomingMessage } from 'node:http';
import { type Call, unitsOf } from './units.ts';

/**
 * Counts the DynamoDB capacity that a function uses. The function loads this module with `node
 * --import`. For each call, the module appends a line to the file that `BENCH_UNITS` names. It
 * reads the requests and answers and does not change them.
 */
const unitsFile = process.env.BENCH_UNITS;
/** The header `x-amz-target` of a call to DynamoDB. */
const TARGET = /^DynamoDB_\d+\.(\w+)$/;
const textOf = (chunk: unknown): string =>
  typeof chunk === 'string'
    ? chunk
    : chunk instanceof Uint8Array
      ? Buffer.from(chunk).toString('utf8')
      : '';

if (unitsFile !== undefined) {
  const { end } = ClientRequest.prototype;
  const { push } = IncomingMessage.prototype;
  ClientRequest.prototype.end = function recordingEnd(this: ClientRequest, ...args: unknown[]) {
    const action = TARGET.exec(String(this.getHeader('x-amz-target') ?? ''))?.[1];
    if (action !== undefined) {
      const input = textOf(args[0]);
      this.once('response', (answer: IncomingMessage) => {
        const chunks: string[] = [];
        answer.push = (chunk: unknown, encoding?: BufferEncoding) => {
          if (chunk !== null) chunks.push(textOf(chunk));
          else if (answer.statusCode === 200) {
            const call: Call = {
              action,
              input: JSON.parse(input),
              output: JSON.parse(chunks.join('') || '{}'),
            };
            appendFileSync(unitsFile, `${JSON.stringify({ at: Date.now(), ...unitsOf(call) })}\n`);
          }
          return push.call(answer, chunk, encoding);
        };
      });
    }
    return Reflect.apply(end, this, args);
  };
}
