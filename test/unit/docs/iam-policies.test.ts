import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { ROUTE_ACCESS } from '../../../lib/api/access.ts';

const Policy = z.object({
  Statement: z.array(
    z.object({
      Action: z.union([z.string(), z.array(z.string())]),
      Resource: z.union([z.string(), z.array(z.string())]),
    }),
  ),
});
const page = readFileSync(new URL('../../../docs/aws.md', import.meta.url), 'utf8');
const section = page.slice(page.indexOf('## IAM policies for people')).split('\n## ')[0] ?? '';
const [reader, operator] = [...section.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) =>
  Policy.parse(JSON.parse(text ?? '')),
);

/** True if the policy allows a call of the route, as IAM matches it: `*` is any text. */
function allows(policy: z.infer<typeof Policy> | undefined, route: string): boolean {
  const [method, path = ''] = route.split(' ');
  const called = `API/${method}${path.replace(/:\w+(\{\.\+\})?/g, 'x')}`;
  const resources = (policy?.Statement ?? [])
    .filter(({ Action }) => Action === 'execute-api:Invoke')
    .flatMap(({ Resource }) => Resource);
  return resources.some((resource) =>
    new RegExp(`^${resource.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(called),
  );
}

describe.each(Object.entries(ROUTE_ACCESS))('%s', (route, access) => {
  it('is allowed by exactly the IAM policies of docs/aws.md that its level requires', () => {
    const isRead = access === 'public' || access === 'reader';
    expect({ reader: allows(reader, route), operator: allows(operator, route) }).toEqual({
      reader: isRead,
      operator: isRead || access === 'operator',
    });
  });
});
