import { HttpRequest } from '@smithy/core/protocols';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import * as z from 'zod';
import { CREDENTIALS } from '../../localstack/endpoint.ts';

/** One invocation of a function, from the line `REPORT` of its log. */
export interface Invocation {
  readonly name: string;
  readonly millis: number;
}

const Groups = z.object({ logGroups: z.array(z.object({ logGroupName: z.string() })) });
const Events = z.object({
  events: z.array(z.object({ message: z.string(), timestamp: z.number() })),
  nextToken: z.string().optional(),
});

/** Returns the invocations of all functions since a moment (epoch milliseconds). */
export async function invocationsSince(endpoint: string, since: number): Promise<Invocation[]> {
  const { logGroups } = Groups.parse(await callLogs(endpoint, 'DescribeLogGroups', {}));
  const invocations: Invocation[] = [];
  for (const { logGroupName } of logGroups) {
    const name = logGroupName.split('/').at(-1) ?? logGroupName;
    for (const millis of await durationsIn(logGroupName, endpoint, since))
      invocations.push({ name, millis });
  }
  return invocations;
}

/** Reads all pages of a log. Returns the duration in each line `REPORT`, in milliseconds. */
async function durationsIn(
  logGroupName: string,
  endpoint: string,
  since: number,
): Promise<number[]> {
  const durations: number[] = [];
  let nextToken: string | undefined;
  do {
    const query = { logGroupName, startTime: since, ...(nextToken ? { nextToken } : {}) };
    const page = Events.parse(await callLogs(endpoint, 'FilterLogEvents', query));
    durations.push(...page.events.flatMap(({ message }) => durationIn(message) ?? []));
    // A token that repeats marks the end of the log.
    nextToken = page.nextToken === nextToken ? undefined : page.nextToken;
  } while (nextToken);
  return durations;
}

function durationIn(logLine: string): number | undefined {
  const millis = /^REPORT .*\tDuration: ([\d.]+) ms/.exec(logLine)?.[1];
  return millis === undefined ? undefined : Number(millis);
}

/** Calls CloudWatch Logs and returns the parsed answer. Throws for a failed call. */
async function callLogs(endpoint: string, action: string, input: object): Promise<unknown> {
  const { protocol, hostname, port, host } = new URL(endpoint);
  const signer = new SignatureV4({
    service: 'logs',
    region: 'eu-central-1',
    credentials: CREDENTIALS,
    sha256: Hash.bind(null, 'sha256'),
  });
  const body = JSON.stringify(input);
  const { headers } = await signer.sign(
    new HttpRequest({
      method: 'POST',
      protocol,
      hostname,
      port: Number(port),
      path: '/',
      headers: {
        host,
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `Logs_20140328.${action}`,
      },
      body,
    }),
  );
  const { host: _, ...sentHeaders } = headers;
  const answer = await fetch(`${endpoint}/`, { method: 'POST', headers: sentHeaders, body });
  if (!answer.ok) throw new Error(`${action}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
