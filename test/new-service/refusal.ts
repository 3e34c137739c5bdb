import { ServiceName } from '../../events/ids.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { filesOf, type NewService } from './files.ts';

/** Names that a constant cannot have, or that other files in `lib/services` have. */
const RESERVED =
  /^(index|common|all|new|class|function|default|import|export|package|delete|switch|void|with|yield|await|enum)$/;
const WORD = 'a word of lower-case letters, digits and hyphens';

/**
 * Returns why the files of a service cannot be written, or `undefined` if they can. `exists`
 * returns whether a path has a file.
 */
export function refusal(
  { name, catalogTypes, resourceType }: NewService,
  exists: (path: string) => boolean,
): string | undefined {
  if (!ServiceName.safeParse(name).success || RESERVED.test(name))
    return `${name}: a name must be ${WORD}`;
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(resourceType) || RESERVED.test(resourceType))
    return `${resourceType}: a resource type must be ${WORD}`;
  const invalidType = catalogTypes.find((type) => !/^[a-z][a-z0-9_-]{0,99}$/.test(type));
  if (invalidType !== undefined)
    return `${invalidType}: a catalog type must have the form load-balancer`;
  const existingService = SERVICES.find(
    (service) =>
      service.name === name || service.catalogTypes.some((type) => catalogTypes.includes(type)),
  );
  if (existingService)
    return `${existingService.name} already exists, with ${existingService.catalogTypes.join(', ')}`;
  const existingFile = Object.keys(filesOf({ name, catalogTypes, resourceType })).find(exists);
  return existingFile && `${existingFile} already exists`;
}
