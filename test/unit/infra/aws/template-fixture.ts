import { stackOf } from '../../../../infra/aws/template/stack.ts';
import { serverlessResources } from '../../../../infra/aws/template/template.ts';

export const resourcesOf = (given: Record<string, string> = {}, stage = 'test') =>
  serverlessResources(stackOf(stage, given)).Resources;

export const ofType = (type: string, resources = resourcesOf()) =>
  Object.entries(resources).filter(([, { Type }]) => Type === type);
