import type { Aws } from '../../lib/engine/aws/clients.ts';

type Service = keyof Aws;
/**
 * `undefined`: the call is sent to AWS. Any other value is the answer instead. A fault may throw or
 * never return.
 */
export type Fault = (
  service: Service,
  action: string,
  input: object,
  onwards: () => Promise<object>,
) => Promise<object> | undefined;

/** Returns the same AWS with a fault in between. */
export function withFault(aws: Aws, fault: Fault): Aws {
  const through =
    (service: Service) =>
    (action: string, input: object): Promise<object> => {
      const onwards = () =>
        (aws[service] as (action: string, input: object) => Promise<object>)(action, input);
      return fault(service, action, input, onwards) ?? onwards();
    };
  return Object.fromEntries(
    (Object.keys(aws) as Service[]).map((service) => [service, through(service)]),
  ) as unknown as Aws;
}
