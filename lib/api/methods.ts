const READS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * True for a method that changes nothing. All other methods, also unknown ones, must pass every
 * check.
 */
export const isRead = (method: string): boolean => READS.includes(method);
