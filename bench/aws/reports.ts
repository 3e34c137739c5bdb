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
    for (let nextToken: string | undefined, isFirst = true; isFirst || nextToken; ) {
      isFirst = false;
      const query = { logGroupName, startTime: since, ...(nextToken ? { nextToken } : {}) };
      const page = Events.parse(await callLogs(endpoint, 'FilterLogEvents', query));
      for (const { message } of page.events) {
        const millis = /^REPORT .*\tDuration: ([\d.]+) ms/.exec(message)?.[1];
        if (millis !== undefined) invocations.push({ name, millis: Number(millis) });
      }
      nextToken = page.nextToken === nextToken ? undefined : page.nextToken;
    }
  }
  return invocations;
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
