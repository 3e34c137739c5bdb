import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { filesOf, type NewService, withService } from './files.ts';
import { refusal } from './refusal.ts';

/**
 * `npm run new:service`: writes the files of a new service into the working directory, and adds the
 * service to the list of all services. The files pass the contract test without a change.
 */
const INDEX_FILE = 'lib/services/index.ts';

/** Writes and formats the files, and prints the next steps. Throws if biome finds an error. */
function write(service: NewService): void {
  const files = filesOf(service);
  const index = withService(readFileSync(INDEX_FILE, 'utf8'), service.name);
  for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
  writeFileSync(INDEX_FILE, index);
  const formatted = spawnSync(
    'node_modules/.bin/biome',
    ['check', '--write', ...Object.keys(files), INDEX_FILE],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (formatted.status !== 0) throw new Error('biome reports errors in the generated files');
  process.stdout.write(`${[...Object.keys(files), INDEX_FILE].join('\n')}

The service passes the contract with its own fake. Now adapt both to the real API (TODO). Then run
  npm run check && npm run test:fast -- test/unit/services/${service.name}
  npm run docs
`);
}

new Command('npm run new:service --')
  .description('write the files of a new service')
  .argument('<name>', 'the name of the project, for example aodh')
  .requiredOption(
    '--type <types>',
    'its catalog types, the official one first, separated by commas, for example alarm,alarming',
  )
  .option('--resource-type <name>', 'its first resource type, for example alarm', 'resource')
  .action((name: string, { type, resourceType }: { type: string; resourceType: string }) => {
    const service = { name, catalogTypes: type.split(','), resourceType };
    const whyRefused = refusal(service, existsSync);
    if (whyRefused === undefined) return write(service);
    process.stderr.write(`${whyRefused}\n`);
    process.exitCode = 1;
  })
  .parse();
