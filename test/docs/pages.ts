import type { Service } from '../../lib/task/service.ts';
import { overview } from './overview.ts';
import { page } from './page.ts';
import { rehearse } from './rehearse.ts';

/** The folder of the pages, from the root of this repository. */
export const FOLDER = 'docs/services';

/** The text of every page by its file name. The same for every run. */
export async function pages(services: readonly Service[]): Promise<Map<string, string>> {
  const made = new Map([['README.md', overview(services)]]);
  for (const service of services)
    made.set(`${service.name}.md`, page(service, services, await rehearse(service)));
  return made;
}
