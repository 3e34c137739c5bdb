import { functionsOf, logGroupId } from './functions.ts';
import type { Stack } from './stack.ts';

/** Properties, without keys in serverless.yml, of resources that osls creates. */
export function extensions(stack: Stack): Record<string, { readonly Properties: object }> {
  const { kmsKey, apiRate } = stack.parameters;
  const rate = Number(apiRate);
  const logGroups = [...functionsOf(stack).map(({ name }) => logGroupId(name)), 'HttpApiLogGroup'];
  return {
    HttpApiStage: {
      Properties: {
        DefaultRouteSettings: { ThrottlingRateLimit: rate, ThrottlingBurstLimit: 2 * rate },
      },
    },
    ...(kmsKey
      ? Object.fromEntries(logGroups.map((id) => [id, { Properties: { KmsKeyId: kmsKey } }]))
      : {}),
  };
}
