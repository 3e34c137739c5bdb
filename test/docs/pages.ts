import type { Service } from '../../lib/task/service.ts';
import { overview } from './overview.ts';
import { page } from './page.ts';
import { rehearse } from './rehearse.ts';

/** The folder of the pages, from the root of this repository. */
export const FOLDER = 'docs/services';

/** Returns the text of every page by its file name. The texts are the same in every run. */
export async function pages(services: readonly Service[]): Promise<Map<string, string>> {
  const texts = new Map([['README.md', overview(services)]]);
  for (const service of services)
    texts.set(`${service.name}.md`, page(service, services, await rehearse(service)));
  return texts;
}
