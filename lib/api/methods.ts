const READS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** True for a method that changes nothing. An unknown method counts as one that may change data. */
export const isRead = (method: string): boolean => READS.includes(method);
