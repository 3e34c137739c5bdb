/** The thresholds and the periods of the alarms. A test compares them with the runbooks. */
export const THRESHOLDS = {
  /**
   * Maximum age in seconds of the oldest message of a queue. The delay of a message, up to 900 s,
   * may count as a part of its age.
   */
  oldestMessageSeconds: { ingest: 1200, coordinate: 1200, service: 1800 },
  /** The alarm starts after the oldest message has been too old for this number of minutes. */
  oldestMessageMinutes: 5,
  /** Failed invocations. Lambda retries them, so a few failures need no alarm. */
  functionErrors: 5,
  functionErrorMinutes: 5,
  throttleMinutes: 15,
  sweepMinutes: 30,
  /** Requests that the API answers with a status of 500 or more. */
  api5xxAnswers: 5,
  apiErrorMinutes: 5,
  /** Maximum latency of a request. It is less than the time-out of the function `api`, 29 s. */
  apiLatencySeconds: 10,
  apiLatencyMinutes: 15,
} as const;
