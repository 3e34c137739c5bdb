import type { Context } from 'hono';
import * as z from 'zod';

/** Where the platform puts the address of the caller: the Node server, or API Gateway. */
const Connection = z.union([
  z
    .object({ incoming: z.object({ socket: z.object({ remoteAddress: z.string() }) }) })
    .transform(({ incoming }) => incoming.socket.remoteAddress),
  z
    .object({ requestContext: z.object({ http: z.object({ sourceIp: z.string() }) }) })
    .transform(({ requestContext }) => requestContext.http.sourceIp),
]);

/** The address of the connection; `undefined` where the platform names none. */
export const callerAddress = ({ env }: Context): string | undefined =>
  Connection.safeParse(env).data;
