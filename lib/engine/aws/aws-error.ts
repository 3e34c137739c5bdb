import * as z from 'zod';
import { redactText } from '../../shared/redaction.ts';

/**
 * The error of a call to AWS. `name` is the error name of the SDK, for example
 * `ConditionalCheckFailedException`, or `NoAnswer` if AWS answered no attempt.
 */
export class AwsError extends Error {
  override readonly name: string;
  /** The HTTP status, or 0 if AWS did not answer. */
  readonly status: number;
  /** For a `TransactionCanceledException`: the reason for each row of the transaction. */
  readonly cancellationReasons: readonly { readonly Code?: string | undefined }[];
  constructor(
    name: string,
    message: string,
    status: number,
    cancellationReasons: AwsError['cancellationReasons'] = [],
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = name;
    this.status = status;
    this.cancellationReasons = cancellationReasons;
  }
}

/** The fields of the SDK's `ServiceException` that {@link toAwsError} reads. */
const ThrownSdkError = z.object({
  name: z.string(),
  message: z.string().catch(''),
  $metadata: z.object({ httpStatusCode: z.number() }),
  // DynamoDB also returns the row, which must not appear in a log. This schema removes it.
  CancellationReasons: z.array(z.object({ Code: z.string().optional() })).catch([]),
});

/**
 * Shorter secrets are not redacted. They belong to an emulator, for example `test`, and may occur
 * as ordinary words in a message.
 */
const MIN_SECRET_LENGTH = 16;

interface AccessKeys {
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/**
 * Converts an error of the SDK, and redacts the credentials: when AWS rejects a signature, the
 * message of the SDK contains the request with the session token.
 */
export async function toAwsError(
  thrown: unknown,
  action: string,
  credentials: () => Promise<AccessKeys>,
): Promise<AwsError> {
  const parsedError = ThrownSdkError.safeParse(thrown);
  if (!parsedError.success) {
    const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
    const name = cause.name === 'CredentialsProviderError' ? cause.name : 'NoAnswer';
    const detail = redactText(cause.message);
    const message = name === 'NoAnswer' ? `AWS did not answer ${action}: ${detail}` : detail;
    return new AwsError(name, message, 0);
  }
  const { name, message, $metadata, CancellationReasons } = parsedError.data;
  const accessKeys = await credentials().catch(() => undefined);
  const secrets = [accessKeys?.secretAccessKey ?? '', accessKeys?.sessionToken ?? ''];
  const text = secrets
    .filter(({ length }) => length >= MIN_SECRET_LENGTH)
    .reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), redactText(message));
  return new AwsError(
    name,
    text === '' ? `AWS answered ${action} with ${$metadata.httpStatusCode}` : text,
    $metadata.httpStatusCode,
    CancellationReasons,
  );
}

const RETRYABLE_CODES = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'];

/**
 * True if a retry of the transaction may succeed: no condition failed, and at least one row was
 * throttled, or locked by another transaction.
 */
export const isRetryableTransaction = ({ cancellationReasons }: AwsError): boolean =>
  cancellationReasons.some(({ Code = '' }) => RETRYABLE_CODES.includes(Code)) &&
  cancellationReasons.every(({ Code }) => Code !== 'ConditionalCheckFailed');
