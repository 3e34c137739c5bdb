import { readdirSync, readFileSync } from 'node:fs';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended, or belongs to another user.
    return '';
  }
};
const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
const isBelow = (pid: number, ancestor: number): boolean =>
  pid > 1 && (pid === ancestor || isBelow(parentOf(pid), ancestor));

/**
 * Returns the peak of the resident memory of each function, in megabytes by function name. The
 * memory is read from the processes in which the emulator runs the functions, because the `REPORT`
 * lines of the emulator do not contain it. `emulator`: the process id of the emulator.
 */
export function memoryByFunction(emulator: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of readdirSync('/proc').map(Number)) {
    if (!Number.isInteger(pid) || !isBelow(pid, emulator)) continue;
    const variables = read(`/proc/${pid}/environ`).split('\0');
    const name = variables
      .find((one) => one.startsWith('AWS_LAMBDA_FUNCTION_NAME='))
      ?.split('=')[1];
    const kilobytes = Number(/^VmHWM:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
    if (name !== undefined) found.set(name, Math.max(found.get(name) ?? 0, kilobytes / 1024));
  }
  return found;
}
