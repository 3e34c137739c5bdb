import * as z from 'zod';
import { redactText } from '../../shared/redaction.ts';

/**
 * An error of an AWS call. `name` is the SDK's error name, for example
 * `ConditionalCheckFailedException`. The name `NoAnswer` means that AWS answered no attempt.
 */
export class AwsError extends Error {
  override readonly name: string;
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  /** For a `TransactionCanceledException`: the reason for each row of the transaction. */
  readonly reasons: readonly { readonly Code?: string | undefined }[];
  constructor(
    name: string,
    message: string,
    status: number,
    reasons: AwsError['reasons'] = [],
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = name;
    this.status = status;
    this.reasons = reasons;
  }
}

/** The fields that are read from the SDK's `ServiceException`. */
const Refusal = z.object({
  name: z.string(),
  message: z.string().catch(''),
  $metadata: z.object({ httpStatusCode: z.number() }),
  // AWS also returns the row, which must not appear in a log, so the schema keeps only the code.
  CancellationReasons: z.array(z.object({ Code: z.string().optional() })).catch([]),
});

/** Shorter secrets belong to an emulator and may be ordinary words, so they are not redacted. */
const MIN_SECRET_LENGTH = 16;

interface Keys {
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/**
 * Converts an error of the SDK, and removes secrets: after a rejected signature, the SDK's message
 * contains the request with the session token.
 */
export async function toAwsError(
  thrown: unknown,
  action: string,
  credentials: () => Promise<Keys>,
): Promise<AwsError> {
  const refusal = Refusal.safeParse(thrown);
  if (!refusal.success) {
    const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
    const name = cause.name === 'CredentialsProviderError' ? cause.name : 'NoAnswer';
    const detail = redactText(cause.message);
    const message = name === 'NoAnswer' ? `AWS did not answer ${action}: ${detail}` : detail;
    return new AwsError(name, message, 0);
  }
  const { name, message, $metadata, CancellationReasons } = refusal.data;
  const keys = await credentials().catch(() => undefined);
  const secrets = [keys?.secretAccessKey ?? '', keys?.sessionToken ?? ''];
  const text = secrets
    .filter(({ length }) => length >= MIN_SECRET_LENGTH)
    .reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), redactText(message));
  return new AwsError(
    name,
    text === '' ? `AWS answered ${action} with ${$metadata.httpStatusCode}` : text,
    $metadata.httpStatusCode,
    CancellationReasons,
  );
}

const CONFLICTS = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'];

/** True if a row was locked by another transaction and no condition failed. */
export const isTransactionConflict = ({ reasons }: AwsError): boolean =>
  reasons.some(({ Code = '' }) => CONFLICTS.includes(Code)) &&
  reasons.every(({ Code }) => Code !== 'ConditionalCheckFailed');
