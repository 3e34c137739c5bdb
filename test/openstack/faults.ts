import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rabbitUrl } from './driver.ts';
import { LabService } from './lab-service.ts';

/** A part of the cloud that this suite may stop. */
export interface StoppablePart {
  stop(): Promise<void>;
  start(): Promise<void>;
}
const runInShell = (command: string): void =>
  void execFileSync('sh', ['-c', command], { stdio: 'pipe', timeout: 120_000 });
const partWithCommands = (stop: string, start: string): StoppablePart => ({
  stop: async () => runInShell(stop),
  start: async () => runInShell(start),
});

/**
 * Reads both commands from the environment, `OPENSTACK_TEST_<WHAT>_STOP` and `…_START`. `none`
 * means that the part must not be stopped; the suite then leaves the test out.
 */
function fromEnvironment(what: string): StoppablePart | 'none' | undefined {
  const stop = process.env[`OPENSTACK_TEST_${what}_STOP`];
  const start = process.env[`OPENSTACK_TEST_${what}_START`];
  if (stop === 'none') return 'none';
  return stop !== undefined && start !== undefined ? partWithCommands(stop, start) : undefined;
}

const isLoopback = (host: string) => ['127.0.0.1', 'localhost', '[::1]'].includes(host);

/**
 * The broker: stopped with rabbitmqctl if it runs on this machine. A string is the reason why it
 * can't be stopped.
 */
export function broker(): StoppablePart | string {
  const configured = fromEnvironment('RABBITMQ');
  if (configured === 'none') return 'OPENSTACK_TEST_RABBITMQ_STOP=none';
  if (configured !== undefined) return configured;
  if (!isLoopback(new URL(rabbitUrl()).hostname))
    return 'RabbitMQ runs elsewhere; set OPENSTACK_TEST_RABBITMQ_STOP and _START';
  return partWithCommands(
    'rabbitmqctl stop_app',
    'rabbitmqctl start_app && rabbitmqctl await_startup',
  );
}

/** Nova's API. A string is the reason why it can't be stopped. */
export function nova(): StoppablePart | string {
  const configured = fromEnvironment('NOVA');
  if (configured === 'none') return 'OPENSTACK_TEST_NOVA_STOP=none';
  if (configured !== undefined) return configured;
  const lab = process.env.LAB;
  if (lab === undefined || !existsSync(`${lab}/run/nova.pid`))
    return 'no lab on this machine; set OPENSTACK_TEST_NOVA_STOP and _START';
  return new LabService(lab, 'nova');
}
