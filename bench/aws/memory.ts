import { readdirSync, readFileSync } from 'node:fs';

const readOrEmpty = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended, or belongs to another user.
    return '';
  }
};
const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0);
/** True if the process is `ancestor` or one of its descendants. */
const isInTreeOf = (pid: number, ancestor: number): boolean =>
  pid > 1 && (pid === ancestor || isInTreeOf(parentOf(pid), ancestor));

/**
 * Returns the peak of the resident memory of each function, in megabytes by function name. The
 * memory is read from the processes in which the emulator runs the functions, because the `REPORT`
 * lines of the emulator do not contain it. `emulatorPid`: the process id of the emulator.
 */
export function memoryByFunction(emulatorPid: number): Map<string, number> {
  const peaks = new Map<string, number>();
  for (const pid of readdirSync('/proc').map(Number)) {
    if (!Number.isInteger(pid) || !isInTreeOf(pid, emulatorPid)) continue;
    const variables = readOrEmpty(`/proc/${pid}/environ`).split('\0');
    const name = variables
      .find((variable) => variable.startsWith('AWS_LAMBDA_FUNCTION_NAME='))
      ?.split('=')[1];
    const kilobytes = Number(/^VmHWM:\s+(\d+)/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0);
    if (name !== undefined) peaks.set(name, Math.max(peaks.get(name) ?? 0, kilobytes / 1024));
  }
  return peaks;
}
