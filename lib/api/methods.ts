const READS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * True for a method that changes nothing. Every other method, also an unknown one, must pass all
 * checks.
 */
export const isRead = (method: string): boolean => READS.includes(method);
