import type { Context } from 'hono';
import * as z from 'zod';

/** The fields in which the Node server or API Gateway passes the address of the caller. */
const Connection = z.union([
  z
    .object({ incoming: z.object({ socket: z.object({ remoteAddress: z.string() }) }) })
    .transform(({ incoming }) => incoming.socket.remoteAddress),
  z
    .object({ requestContext: z.object({ http: z.object({ sourceIp: z.string() }) }) })
    .transform(({ requestContext }) => requestContext.http.sourceIp),
]);

/** The address of the caller; `undefined` if the platform passes no address. */
export const callerAddress = ({ env }: Context): string | undefined =>
  Connection.safeParse(env).data;
