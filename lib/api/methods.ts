const READS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** A method that changes nothing. Every other one, also an unknown one, passes all checks. */
export const isRead = (method: string): boolean => READS.includes(method);
