import { ServiceName } from '../../events/ids.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { filesOf, type NewService } from './files.ts';

/** Words that can't name a constant, or that are no service among the files. */
const RESERVED =
  /^(index|common|all|new|class|function|default|import|export|package|delete|switch|void|with|yield|await|enum)$/;
const WORD = 'a word of small letters, digits and hyphens';

/**
 * Why a service can't be written; `undefined` when it can. `isThere` tells of a path whether there
 * is a file.
 */
export function refusal(
  { name, catalogTypes, resourceType }: NewService,
  isThere: (path: string) => boolean,
): string | undefined {
  if (!ServiceName.safeParse(name).success || RESERVED.test(name))
    return `${name}: a name is ${WORD}`;
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(resourceType) || RESERVED.test(resourceType))
    return `${resourceType}: a resource type is ${WORD}`;
  const wrong = catalogTypes.find((type) => !/^[a-z][a-z0-9_-]{0,99}$/.test(type));
  if (wrong !== undefined) return `${wrong}: a type as Keystone's catalog has it: load-balancer`;
  const taken = SERVICES.find(
    (service) =>
      service.name === name || service.catalogTypes.some((type) => catalogTypes.includes(type)),
  );
  if (taken) return `${taken.name} is there already, with ${taken.catalogTypes.join(', ')}`;
  const there = Object.keys(filesOf({ name, catalogTypes, resourceType })).find(isThere);
  return there && `${there} is there already`;
}
