/** One server-sent event. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/**
 * Parses server-sent events while they arrive. Comments (heartbeats) are skipped. Throws when no
 * byte arrives for `quietMillis`, because a cut connection may never report its end.
 */
export async function* serverSentEvents(
  body: ReadableStream<Uint8Array>,
  quietMillis: number,
): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let incompleteBlock = '';
  try {
    for (;;) {
      const { done, value } = await within(quietMillis, reader.read());
      if (done) return;
      const blocks = (incompleteBlock + decoder.decode(value, { stream: true })).split(
        /\r?\n\r?\n/,
      );
      incompleteBlock = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = parseBlock(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parseBlock(block: string): ServerSentEvent | undefined {
  const fields = block.split(/\r?\n/).flatMap((line): [string, string][] => {
    const [, name, value = ''] = /^([a-z]+):? ?(.*)$/s.exec(line) ?? [];
    return name === undefined ? [] : [[name, value]];
  });
  const data = fields.flatMap(([name, value]) => (name === 'data' ? [value] : []));
  if (data.length === 0) return undefined;
  const last = (wanted: string) => fields.findLast(([name]) => name === wanted)?.[1];
  return { id: last('id'), event: last('event') ?? 'message', data: data.join('\n') };
}

/** The result of `work`. Throws after `millis`. */
async function within<T>(millis: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no byte arrived')), millis);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
