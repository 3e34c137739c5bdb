#!/usr/bin/env node
import { callerOf } from './aws-signature.ts';
import { ApiClient } from './client.ts';
import { runCommand } from './command-line.ts';
import { openIdentity } from './keystone-login.ts';
import { colors, redrawOn } from './output.ts';
import { ask, endWhenReaderStops, packageVersion, withProgress } from './process.ts';

const apiUrl =
  process.env.PROPAGATOR_API_URL || `http://127.0.0.1:${process.env.PROPAGATOR_PORT || '8787'}`;

/** `--os-cloud` sets OS_CLOUD before the first call. */
const environment: Record<string, string | undefined> = { ...process.env };

endWhenReaderStops([process.stdout, process.stderr], (code) => process.exit(code));

process.exitCode = await runCommand(process.argv.slice(2), {
  client: new ApiClient(apiUrl, withProgress(callerOf(apiUrl, environment), process.stderr)),
  chooseCloud: (name) => {
    environment.OS_CLOUD = name;
  },
  openIdentity: () => openIdentity(environment),
  version: packageVersion(),
  color: colors(process.stdout, process.env),
  now: Date.now,
  ask: process.stdin.isTTY && process.stdout.isTTY ? ask : undefined,
  ...(process.stdout.isTTY ? { redraw: redrawOn(process.stdout) } : {}),
  write: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
  exitCode: 0,
});
