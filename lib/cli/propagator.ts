#!/usr/bin/env node
import './young-generation.ts';
import { apiAddressOf } from './api-address.ts';
import { ApiClient } from './client.ts';
import { runCommand } from './command-line.ts';
import { createColors, createRedraw } from './output.ts';
import { askPerson, endWhenReaderStops, packageVersion, withProgress } from './process.ts';

/** The environment of the command. `--os-cloud` sets OS_CLOUD in it before the first call. */
const environment: Record<string, string | undefined> = { ...process.env };

const { baseUrl, send } = apiAddressOf(environment);

endWhenReaderStops([process.stdout, process.stderr], (code) => process.exit(code));

process.exitCode = await runCommand(process.argv.slice(2), {
  client: new ApiClient(baseUrl, withProgress(send, process.stderr)),
  chooseCloud: (name) => {
    environment.OS_CLOUD = name;
  },
  openIdentity: async () => (await import('./keystone-login.ts')).openIdentity(environment),
  version: packageVersion(),
  color: createColors(process.stdout, process.env),
  now: Date.now,
  ask: process.stdin.isTTY && process.stdout.isTTY ? askPerson : undefined,
  ...(process.stdout.isTTY ? { redraw: createRedraw(process.stdout) } : {}),
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  exitCode: 0,
});
