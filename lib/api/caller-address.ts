import type { Context } from 'hono';
import * as z from 'zod';

/** Reads the address of the caller from the fields that the Node server or API Gateway sets. */
const AddressOfCaller = z.union([
  z
    .object({ incoming: z.object({ socket: z.object({ remoteAddress: z.string() }) }) })
    .transform(({ incoming }) => incoming.socket.remoteAddress),
  z
    .object({ requestContext: z.object({ http: z.object({ sourceIp: z.string() }) }) })
    .transform(({ requestContext }) => requestContext.http.sourceIp),
]);

/** The address of the caller; `undefined` if the platform passes no address. */
export const callerAddress = ({ env }: Context): string | undefined =>
  AddressOfCaller.safeParse(env).data;
