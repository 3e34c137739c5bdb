// Made by `npm run console` from console/*.ts. Do not edit.

// console/shapes.ts
var ShapeError = class extends Error {
  name = "ShapeError";
  path;
  constructor(path, wanted) {
    super(`${path} is not ${wanted}`);
    this.path = path;
  }
};
var is = (type) => (value, path) => {
  if (typeof value !== type) throw new ShapeError(path, `a ${type}`);
};
var [text, amount, flag] = [is("string"), is("number"), is("boolean")];
var maybe = (check) => (value, path) => {
  if (value !== void 0 && value !== null) check(value, path);
};
var isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
var object = (fields) => (value, path) => {
  if (!isObject(value)) throw new ShapeError(path, "an object");
  for (const [name, check] of Object.entries(fields))
    check(Object.hasOwn(value, name) ? value[name] : void 0, `${path}.${name}`);
};
var list = (item) => (value, path) => {
  if (!Array.isArray(value)) throw new ShapeError(path, "a list");
  value.forEach((one, index) => {
    item(one, `${path}[${index}]`);
  });
};
var record = (item) => (value, path) => {
  if (!isObject(value)) throw new ShapeError(path, "an object");
  for (const [name, one] of Object.entries(value)) item(one, `${path}.${name}`);
};
var shape = (check) => (value) => {
  check(value, "answer");
  return value;
};
var count = object({ found: amount, removed: amount, left: amount });
var decided = object({ by: text, at: amount });
var condition = object({ class: text, message: text, actor: text, count: amount });
var error = object({ code: text, class: text, message: text, advice: text });
var task = object({
  service: text,
  region: text,
  state: text,
  counts: record(count),
  conditions: list(condition),
  because: maybe(text)
});
var uncovered = object({ type: text, name: text, because: maybe(text), advice: maybe(text) });
var operation = object({
  operation: object({
    id: text,
    action: text,
    mode: text,
    state: text,
    scope: object({ type: text, id: text, name: maybe(text), domainId: maybe(text) }),
    cause: object({ eventType: text, note: maybe(text) }),
    hold: maybe(object({ reason: text, advice: maybe(text) })),
    request: maybe(object({ by: text, reason: text, at: amount })),
    rerun: maybe(object({ of: text, by: text, reason: text })),
    plan: maybe(object({ of: text, approvals: list(decided) })),
    released: maybe(object({ by: text, reason: text, at: amount })),
    uncovered: list(uncovered),
    openedAt: amount,
    endedAt: maybe(amount)
  }),
  tasks: list(task),
  resources: count,
  waitsOn: list(
    object({ on: text, since: amount, actor: text, advice: maybe(text), deadLetter: flag })
  ),
  projects: maybe(
    list(object({ id: text, state: text, operationId: maybe(text), resources: maybe(count) }))
  ),
  notice: maybe(text)
});
var operationShape = shape(operation);
var operationsShape = shape(object({ operations: list(operation), notice: maybe(text) }));
var planShape = shape(
  object({
    id: text,
    scope: object({ type: text, id: text, name: maybe(text) }),
    openedAt: amount,
    digest: maybe(text),
    resources: amount,
    allowedDrift: amount,
    approvals: list(decided),
    approvalsNeeded: amount,
    carriedOutBy: maybe(text),
    twoBecause: maybe(text),
    keystoneCheck: object({ refusals: list(object({ message: text, advice: text })) })
  })
);
var statusShape = shape(
  object({
    ok: flag,
    mode: maybe(text),
    stopped: maybe(object({ by: text, at: amount, reason: maybe(text) })),
    accounts: amount,
    suspicious: amount,
    enabledDuringHold: amount,
    queues: record(object({ ready: amount, active: amount, dead: amount }))
  })
);
var deadLettersShape = shape(
  object({
    deadLetters: list(
      object({
        id: text,
        queue: text,
        at: amount,
        cause: text,
        expiresAt: maybe(amount),
        operationId: maybe(text),
        error: maybe(error)
      })
    )
  })
);
var holdsShape = shape(
  object({
    holds: list(object({ target: text, id: text, by: text, reason: text, at: amount })),
    suspensions: list(object({ project: text, by: text, reason: text, at: amount }))
  })
);
var servicesShape = shape(
  object({
    services: list(
      object({
        name: text,
        catalogTypes: list(text),
        resourceTypes: list(text),
        regions: list(text),
        on: flag,
        problem: maybe(object({ message: text, advice: text }))
      })
    ),
    httpPlugins: list(text),
    uncovered: list(uncovered),
    waived: list(object({ type: text, by: text, reason: text, at: amount }))
  })
);
var auditShape = shape(
  object({
    entries: list(
      object({
        sequence: amount,
        at: maybe(amount),
        by: maybe(object({ name: text })),
        what: maybe(text),
        reason: maybe(text),
        from: maybe(text)
      })
    )
  })
);

// console/stream.ts
async function* serverSentEvents(body, quietMillis) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let incompleteBlock = "";
  try {
    for (; ; ) {
      const { done, value } = await within(quietMillis, reader.read());
      if (done) return;
      const blocks = (incompleteBlock + decoder.decode(value, { stream: true })).split(
        /\r?\n\r?\n/
      );
      incompleteBlock = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parseBlock(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => void 0);
  }
}
function parseBlock(block) {
  const fields = block.split(/\r?\n/).flatMap((line) => {
    const [, name, value = ""] = /^([a-z]+):? ?(.*)$/s.exec(line) ?? [];
    return name === void 0 ? [] : [[name, value]];
  });
  const data = fields.flatMap(([name, value]) => name === "data" ? [value] : []);
  if (data.length === 0) return void 0;
  const last = (wanted) => fields.findLast(([name]) => name === wanted)?.[1];
  return { id: last("id"), event: last("event") ?? "message", data: data.join("\n") };
}
async function within(millis, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("no byte arrived")), millis);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// console/api.ts
var ApiError = class extends Error {
  name = "ApiError";
  kind;
  advice;
  /** The wait in milliseconds that the API asks for. */
  waitMillis;
  constructor(kind, message, advice, waitMillis) {
    super(message);
    this.kind = kind;
    this.advice = advice;
    this.waitMillis = waitMillis;
  }
};
var FAILURES = {
  401: "token",
  403: "role",
  404: "missing",
  408: "busy",
  429: "busy",
  503: "busy"
};
var failureOf = (status) => FAILURES[status] ?? (status >= 400 && status < 500 ? "wrong" : "failed");
var ADVICE = {
  token: "Log in again.",
  role: "Log in with a token of a role that may read this: reader, operator or admin.",
  missing: "Check the id. All operations: propagator operation list",
  wrong: "Correct the address of this page, or go to the overview.",
  busy: "The console tries again."
};
var ANSWER_TIMEOUT_MILLIS = 2e4;
var MIN_SKEW_MILLIS = 2e3;
var Api = class {
  #port;
  #skewMillis = 0;
  constructor(port) {
    this.#port = port;
  }
  /**
   * The time of the propagator, so that ages are right even if the clock of this machine is wrong.
   */
  now() {
    return this.#port.now() + this.#skewMillis;
  }
  /**
   * Reads one answer with GET. `check` validates the answer and returns it with its type. Throws
   * {@link ApiError}.
   */
  async get(path, check, signal) {
    const text2 = await this.#withTimeout(signal, async (limitedSignal) => {
      const answer = await this.#send(path, "application/json", {}, limitedSignal);
      return answer.text().catch(() => {
        throw unreachable();
      });
    });
    return this.checkShape(parseJson(text2), check);
  }
  /**
   * Reads server-sent events until the stream ends. Throws {@link ApiError} also after
   * `quietMillis` without traffic.
   */
  async *events(path, lastId, signal, quietMillis) {
    const headers = lastId === void 0 ? {} : { "last-event-id": lastId };
    const answer = await this.#withTimeout(
      signal,
      (limitedSignal) => this.#send(path, "text/event-stream", headers, limitedSignal)
    );
    if (!answer.body) return;
    try {
      yield* serverSentEvents(answer.body, quietMillis);
    } catch {
      throw unreachable();
    }
  }
  /** Checks the shape of a value of the API. Throws {@link ApiError} for an unknown shape. */
  checkShape(value, check) {
    try {
      return check(value);
    } catch (thrown) {
      if (!(thrown instanceof ShapeError)) throw thrown;
      throw new ApiError(
        "shape",
        `The console cannot read the answer of the API: ${thrown.message}.`,
        "The console and the propagator have different releases. Reload this page. If the message stays, use the commands, for example: propagator status"
      );
    }
  }
  /** Calls `work` with a signal that also aborts after the time-out. */
  async #withTimeout(signal, work) {
    const timedOut = new AbortController();
    const timeout = this.#port.timeout(ANSWER_TIMEOUT_MILLIS);
    const stop = () => timedOut.abort();
    timeout.addEventListener("abort", stop);
    try {
      return await work(AbortSignal.any([signal, timedOut.signal]));
    } finally {
      timeout.removeEventListener("abort", stop);
    }
  }
  async #send(path, accept, headers, signal) {
    const token = this.#port.token();
    let answer;
    try {
      answer = await this.#port.fetch(path, {
        headers: { accept, ...headers, ...token === void 0 ? {} : { "x-auth-token": token } },
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        signal
      });
    } catch {
      throw unreachable();
    }
    const date = Date.parse(answer.headers.get("date") ?? "");
    if (Number.isFinite(date)) {
      const skew = date - this.#port.now();
      this.#skewMillis = Math.abs(skew) < MIN_SKEW_MILLIS ? 0 : skew;
    }
    if (answer.ok) return answer;
    throw await errorOf(answer);
  }
};
var unreachable = () => new ApiError(
  "unreachable",
  "The propagator does not answer.",
  "Check it: propagator status. To start it on this machine: npm start"
);
async function errorOf(answer) {
  const body = await answer.json().catch(() => void 0);
  const field2 = (value, name) => typeof value === "object" && value !== null ? Reflect.get(value, name) : void 0;
  const text2 = (name) => {
    const value = field2(field2(body, "error"), name);
    return typeof value === "string" ? value : void 0;
  };
  const seconds = Number(answer.headers.get("retry-after"));
  const kind = failureOf(answer.status);
  return new ApiError(
    kind,
    text2("message") ?? `The API answered with the status ${answer.status}.`,
    text2("advice") ?? ADVICE[kind] ?? "Read the log of the propagator.",
    seconds > 0 ? seconds * 1e3 : void 0
  );
}
function parseJson(text2) {
  try {
    return JSON.parse(text2);
  } catch {
    return void 0;
  }
}

// console/format.ts
var HIDDEN = /[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\u2028\u2029\u2800\ufff9-\ufffb]/gu;
var visible = (text2) => text2.replace(/\r?\n/g, " ").replace(HIDDEN, (one) => {
  const code = one.codePointAt(0)?.toString(16) ?? "";
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
});
function durationText(millis) {
  const seconds = Math.max(0, Math.round(millis / 1e3));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}
var timeText = (millis) => millis === void 0 || !Number.isFinite(millis) || Math.abs(millis) > 864e13 ? "-" : new Date(millis).toISOString().replace("T", " ").replace(/\.\d+Z$/, "Z");
var numberText = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, " ");
var capital = (text2) => text2.charAt(0).toUpperCase() + text2.slice(1);
var countWithNoun = (value, noun) => `${numberText(value)} ${noun}${value === 1 ? "" : "s"}`;
var doneShare = ({
  found,
  left
}) => found <= 0 ? void 0 : Math.max(0, Math.min(1, (found - left) / found));
var sumCounts = (counts) => {
  let [found, removed, left] = [0, 0, 0];
  for (const one of counts) {
    found += one.found;
    removed += one.removed;
    left += one.left;
  }
  return { found, removed, left };
};

// console/element.ts
var ATTRIBUTES = new Set(
  "class id role scope type value max title for name tabindex open selected autocomplete maxlength spellcheck href".split(" ")
);
var ATTRIBUTE_FAMILIES = /^(?:aria|data)-[a-z]+$/;
var TAGS = new Set(
  "a button caption code dd details div dl dt form h1 h2 h3 input label li nav option p progress section select span strong summary table tbody td th thead time tr ul".split(" ")
);
function h(tag, attributes = {}, ...children) {
  if (!TAGS.has(tag)) throw new TypeError(`the console shows no element ${tag}`);
  const definedAttributes = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === void 0 || value === false) continue;
    assertPermitted(name, value);
    definedAttributes[name] = value;
  }
  return { tag, attributes: definedAttributes, children: flat(children) };
}
function assertPermitted(name, value) {
  if (!ATTRIBUTES.has(name) && !ATTRIBUTE_FAMILIES.test(name))
    throw new TypeError(`the console sets no attribute ${name}`);
  if (name === "href" && !value.startsWith("#"))
    throw new TypeError("a link of the console begins with #");
}
function flat(children) {
  return children.flatMap((child) => {
    if (child === void 0 || child === false) return [];
    if (typeof child === "string") return [visible(child)];
    return "tag" in child ? [child] : flat(child);
  });
}

// console/states.ts
var TONES = {
  finished: "good",
  observed: "good",
  present: "good",
  "pre-delete": "busy",
  running: "busy",
  closing: "busy",
  requested: "busy",
  planning: "busy",
  confirming: "busy",
  waiting: "busy",
  recoverable: "wait",
  held: "wait",
  unverified: "wait",
  unreachable: "wait",
  refused: "wait",
  canceled: "wait",
  "dead-lettered": "bad",
  superseded: "quiet",
  pending: "quiet",
  skipped: "quiet"
};
var MARKS = {
  good: "✓",
  busy: "▸",
  wait: "!",
  bad: "✗",
  quiet: "·"
};
var toneOf = (state) => TONES[state] ?? "quiet";
var markOf = (state) => MARKS[toneOf(state)];
var MEANINGS = {
  recoverable: "Nothing is removed before the window ends.",
  confirming: "Keystone is asked twice, the grace period passes, and resources are counted.",
  held: "The operation waits for a person. Release it to continue.",
  "pre-delete": "Resources that can be removed only while the project exists are removed first.",
  running: "The services are working.",
  waiting: "The domain waits for its projects.",
  closing: "All services have ended. The account is being deleted in Keystone.",
  finished: "A new listing showed that nothing is left to do.",
  observed: "Resources were counted. Nothing was changed.",
  refused: "Keystone does not confirm the change, or a rule, a setting or the policy forbids it.",
  unverified: "Some resources could not be listed and may remain.",
  superseded: "A later operation replaced this one.",
  canceled: "A person canceled the operation."
};
var ENDED_STATES = [
  "finished",
  "observed",
  "refused",
  "unverified",
  "superseded",
  "canceled"
];
var STATES = Object.keys(MEANINGS);

// console/live.ts
var QUIET_MILLIS = 4e4;
var FIRST_WAIT_MILLIS = 1e3;
var MAX_WAIT_MILLIS = 3e4;
var FINAL_FAILURES = ["token", "role", "missing", "wrong", "shape"];
var waitMillisAfter = (failures, { waitMillis = 0 }) => Math.max(waitMillis, Math.min(MAX_WAIT_MILLIS, FIRST_WAIT_MILLIS * 2 ** (failures - 1)));
async function followOperation(id, deps, signal) {
  const position = { failures: 0, lastId: void 0 };
  while (!signal.aborted) {
    try {
      if (await reportEvents(id, position, deps, signal) === "operation ended") return;
      await deps.sleep(FIRST_WAIT_MILLIS / 2, signal);
    } catch (thrown) {
      position.failures += 1;
      if (await waitAfterFailure(thrown, position.failures, deps, signal) === "stopped") return;
    }
  }
}
async function reportEvents(id, position, { api, onData, onConnection }, signal) {
  const path = `/v1/operations/${encodeURIComponent(id)}/events`;
  for await (const event of api.events(path, position.lastId, signal, QUIET_MILLIS)) {
    if (event.event === "end") {
      onConnection({ kind: "ended" });
      return "operation ended";
    }
    const data = api.checkShape(parseJson(event.data), operationShape);
    position.failures = 0;
    position.lastId = event.id;
    onData(data);
    onConnection({ kind: "live" });
    if (ENDED_STATES.includes(data.operation.state)) {
      onConnection({ kind: "ended" });
      return "operation ended";
    }
  }
  return "stream ended";
}
async function poll(load, everyMillis, deps, signal) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const data = await load();
      if (signal.aborted) return;
      failures = 0;
      deps.onData(data);
      deps.onConnection({ kind: "live" });
      await deps.sleep(everyMillis, signal);
    } catch (thrown) {
      failures += 1;
      if (await waitAfterFailure(thrown, failures, deps, signal) === "stopped") return;
    }
  }
}
async function waitAfterFailure(thrown, failures, { api, sleep: sleep2, onConnection }, signal) {
  if (signal.aborted) return "stopped";
  const error2 = apiErrorOf(thrown);
  if (FINAL_FAILURES.includes(error2.kind)) {
    onConnection({ kind: "stopped", error: error2 });
    return "stopped";
  }
  const wait = waitMillisAfter(failures, error2);
  onConnection({ kind: "lost", error: error2, nextAt: api.now() + wait });
  await sleep2(wait, signal);
  return "waited";
}
var apiErrorOf = (thrown) => thrown instanceof ApiError ? thrown : new ApiError(
  "shape",
  `The console failed: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
  "Reload this page. If the message stays, use the commands: propagator status"
);

// console/load-overview.ts
var NEWEST_COUNT = 100;
var MAX_PLANS = 5;
var REUSE_MILLIS = 3e4;
var ALWAYS_READ_STATES = ["held", "running"];
var REUSED_STATES = STATES.filter(
  (state) => state === "observed" || !(ENDED_STATES.includes(state) || ALWAYS_READ_STATES.includes(state))
);
function overviewLoader(api) {
  const cachedList = cachedLoader(api);
  const cachedPlan = cachedLoader(api);
  return async (signal) => {
    const readList = (query) => api.get(`/v1/operations?limit=${NEWEST_COUNT}${query}`, operationsShape, signal);
    const listOfState = (state) => {
      const read = () => readList(`&state=${state}`);
      return ALWAYS_READ_STATES.includes(state) ? read() : cachedList(state, read);
    };
    const [status, newest] = await Promise.all([
      api.get("/v1/status", statusShape, signal),
      readList("")
    ]);
    const isComplete = newest.operations.length < NEWEST_COUNT;
    const states = isComplete ? [] : [...ALWAYS_READ_STATES, ...REUSED_STATES];
    const lists = await Promise.all(
      states.map(async (state) => ({ state, ...await listOfState(state) }))
    );
    const all = mergeLists([newest, ...lists]);
    const candidates = openPlans(all);
    const plans = await Promise.all(
      candidates.slice(0, MAX_PLANS).map(async (operation2) => {
        const { id } = operation2.operation;
        return { operation: operation2, details: await cachedPlan(id, () => readPlan(api, id, signal)) };
      })
    );
    return {
      status,
      newest: newest.operations,
      older: all.slice(newest.operations.length),
      plans: plans.filter(({ details }) => details?.carriedOutBy === void 0),
      morePlanCount: Math.max(0, candidates.length - MAX_PLANS),
      statesWithMore: lists.filter(({ operations }) => operations.length >= NEWEST_COUNT).map(({ state }) => state),
      notice: [newest, ...lists].find(({ notice }) => notice !== void 0)?.notice
    };
  };
}
function mergeLists(lists) {
  const byId = /* @__PURE__ */ new Map();
  for (const view of lists.flatMap(({ operations }) => operations))
    if (!byId.has(view.operation.id)) byId.set(view.operation.id, view);
  return [...byId.values()];
}
var readPlan = (api, id, signal) => api.get(`/v1/operations/${encodeURIComponent(id)}/plan`, planShape, signal).catch(() => void 0);
function openPlans(all) {
  const carriedOutPlanIds = new Set(all.map(({ operation: operation2 }) => operation2.plan?.of));
  return all.filter(
    ({ operation: { action, state, id, parentId, scope, openedAt } }) => action === "plan" && state === "observed" && parentId === void 0 && !carriedOutPlanIds.has(id) && !all.some(
      ({ operation: other }) => other.action === "cleanup" && other.scope.type === scope.type && other.scope.id === scope.id && other.openedAt >= openedAt
    )
  ).toSorted((one, other) => other.operation.openedAt - one.operation.openedAt);
}
function cachedLoader(clock) {
  const cache = /* @__PURE__ */ new Map();
  return async (key, load) => {
    const last = cache.get(key);
    if (last && Math.abs(clock.now() - last.at) < REUSE_MILLIS) return last.value;
    const value = await load();
    cache.set(key, { at: clock.now(), value });
    return value;
  };
}

// console/operations.ts
var accountOf = ({ scope }) => `${scope.type} ${scope.name ?? scope.id}`;
var hasEnded = ({ operation: operation2 }) => ENDED_STATES.includes(operation2.state);
var needsPerson = (view) => !hasEnded(view) && (view.operation.state === "held" || view.waitsOn.some(({ actor, deadLetter }) => deadLetter || actor === "operator"));
var onlyCounts = ({ operation: { action, mode, state } }) => action === "plan" || mode === "observe" || state === "observed";
var firstReason = ({ operation: operation2, waitsOn }) => (waitsOn.find(({ actor }) => actor === "operator") ?? waitsOn[0])?.on ?? operation2.hold?.reason ?? "";
var PAGE_ROWS = 25;
var READ_LIMITS = { initial: 100, max: 1e3 };
var FILTER_NAMES = ["state", "action", "domain", "text"];
function filtersOf(query) {
  const text2 = (name) => (query.get(name) ?? "").trim().slice(0, 255);
  return {
    state: text2("state"),
    action: text2("action"),
    domain: text2("domain"),
    text: text2("text"),
    page: Math.max(1, Math.trunc(Number(query.get("page")) || 1)),
    limit: Number(query.get("limit")) > READ_LIMITS.initial ? READ_LIMITS.max : READ_LIMITS.initial
  };
}
function listAddress(filters) {
  const query = new URLSearchParams();
  for (const name of FILTER_NAMES) if (filters[name]) query.set(name, filters[name]);
  if ((filters.limit ?? 0) > READ_LIMITS.initial) query.set("limit", String(filters.limit));
  if ((filters.page ?? 1) > 1) query.set("page", String(filters.page));
  const text2 = query.toString();
  return text2 === "" ? "#/operations" : `#/operations?${text2}`;
}
function apiQuery({ state, domain, limit }) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (state !== "") query.set("state", state);
  if (domain !== "") query.set("domain", domain);
  return query.toString();
}
function filterOperations(all, { action, text: text2 }) {
  const searchedText = text2.toLowerCase();
  return all.filter((view) => {
    const { id, scope } = view.operation;
    const fields = [id, scope.id, scope.name ?? "", scope.domainId ?? "", firstReason(view)];
    return (action === "" || view.operation.action === action) && (searchedText === "" || fields.some((field2) => field2.toLowerCase().includes(searchedText)));
  });
}
function pageOf(rows, page2) {
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const shownPage = Math.min(page2, pages);
  const firstRow = (shownPage - 1) * PAGE_ROWS;
  return { rows: rows.slice(firstRow, firstRow + PAGE_ROWS), page: shownPage, pages };
}

// console/pace.ts
var WINDOW_MILLIS = 6e4;
var MIN_MEASURED_MILLIS = 3e3;
var withSample = (samples, sample) => [
  ...samples.filter(({ at }) => sample.at - at <= WINDOW_MILLIS),
  sample
];
function removalRate(samples, left) {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < MIN_MEASURED_MILLIS) return void 0;
  const perSecond = (last.removed - first.removed) * 1e3 / (last.at - first.at);
  return perSecond > 0 ? { perSecond, remainingMillis: left * 1e3 / perSecond } : void 0;
}

// console/command.ts
var quoted = (word) => /^[\w.:@/+-]+$/.test(word) ? word : `'${visible(word).replaceAll("'", `'\\''`)}'`;
var command = (fixed, ...values) => ["propagator", fixed, ...values.map(quoted)].join(" ");
var REASON_OPTION = '--reason "…"';
var OFFERED_COMMANDS = new Set(
  [
    "operation release|cancel|rerun|show|watch|list",
    "dead-letter redrive|list|show",
    "hold list",
    "suspicious list",
    "project plan|resume|suspend",
    "waiver add|list",
    "service list",
    "quarantine list"
  ].flatMap((one) => {
    const [noun = "", verbs = ""] = one.split(" ");
    return verbs.split("|").map((verb) => `${noun} ${verb}`);
  })
);
var OFFERED_ONE_WORD_COMMANDS = ["resume-all", "status"];
var WORD = /^(?:[\w.:@/+=-]*[\w@/+=-]|"…")(?=[\s.,;`)]|$)/;
function commandsIn(advice) {
  const commands = [...advice.matchAll(/\bpropagator /g)].map(({ index }) => wordsAtStart(advice.slice(index))).filter(isOffered).map((words) => words.join(" "));
  return [...new Set(commands)];
}
var isOffered = ([, noun = "", verb = ""]) => OFFERED_ONE_WORD_COMMANDS.includes(noun) || OFFERED_COMMANDS.has(`${noun} ${verb}`);
function wordsAtStart(text2) {
  const words = [];
  let remainingText = text2;
  for (; ; ) {
    const word = WORD.exec(remainingText)?.[0];
    if (word === void 0) return words;
    words.push(word);
    remainingText = remainingText.slice(word.length);
    const gap = /^ +/.exec(remainingText)?.[0];
    if (gap === void 0) return words;
    remainingText = remainingText.slice(gap.length);
  }
}

// console/parts.ts
var stateElement = (state) => h(
  "span",
  { class: `state ${toneOf(state)}` },
  h("span", { "aria-hidden": "true", class: "mark" }, markOf(state)),
  state
);
var commandLine = (line, about) => h(
  "div",
  { class: "command" },
  h(
    "code",
    { tabindex: "0" },
    line.split(" ").map((word, index) => [index > 0 && " ", h("span", { class: "word" }, word)])
  ),
  h(
    "button",
    { type: "button", "data-copy": line, "aria-label": `Copy: ${about ?? line}` },
    "Copy"
  )
);
var adviceElements = (advice) => advice !== void 0 && advice !== "" && [
  h("p", { class: "advice" }, advice),
  commandsIn(advice).map((line) => commandLine(line))
];
var bar = (counts, about) => {
  const done = doneShare(counts);
  if (done === void 0) return h("span", { class: "bar note" }, "none found");
  const percent = Math.floor(done * 100);
  return h(
    "span",
    { class: "bar" },
    h("progress", { max: "100", value: String(percent), "aria-label": `${about}: ${percent} %` }),
    h("span", { class: "percent", "aria-hidden": "true" }, `${percent} %`)
  );
};
var wrapped = (text2) => h("span", { class: "free" }, text2);
function table(caption, columns, rows, keyOf2) {
  const classOf = ({ isNumber }) => isNumber ? "number" : void 0;
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((one) => h("th", { scope: "col", class: classOf(one) }, one.title))
        )
      ),
      h(
        "tbody",
        {},
        rows.map(
          (row, index) => h(
            "tr",
            { "data-key": keyOf2?.(row, index) },
            columns.map(
              (one) => h(
                one.isHead ? "th" : "td",
                { scope: one.isHead && "row", class: classOf(one), "data-title": one.title },
                one.cell(row)
              )
            )
          )
        )
      )
    )
  );
}
var amount2 = (value) => value === void 0 ? "-" : numberText(value);
var age = (millis, now) => millis === void 0 ? "-" : h("time", { title: timeText(millis) }, durationText(Math.max(0, now - millis)));
var section = (title, ...children) => h("section", { "data-key": `section ${title}` }, h("h2", {}, title), children);
var empty = (...text2) => h("p", { class: "empty" }, ...text2);
var link = (href, text2) => h("a", { href }, text2);
var operationLink = (id) => h("a", { href: `#/operations/${encodeURIComponent(id)}`, class: "id" }, id);
var facts = (rows) => h(
  "dl",
  { class: "facts" },
  rows.filter(([, value]) => value !== void 0 && value !== false && value !== "").map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))
);

// console/page-dead-letters.ts
var serviceOf = (queue) => queue.replace(/^service-/, "");
function deadLettersPage({ deadLetters }, now) {
  const groups = Map.groupBy(deadLetters, ({ queue, cause }) => `${queue} ${cause}`);
  return [
    h("h1", {}, "Dead letters"),
    deadLetters.length === 0 ? empty("No message was given up. There is nothing to do.") : h(
      "p",
      { class: "note" },
      `${countWithNoun(deadLetters.length, "message")}, ${countWithNoun(groups.size, "cause")}.`
    ),
    [...groups].map(([key, group]) => causeCard(key, group, now))
  ];
}
function causeCard(key, group, now) {
  const [first] = group;
  if (!first) return void 0;
  const { queue, cause: code, error: error2 } = first;
  const name = serviceOf(queue);
  const oldest = Math.min(...group.map(({ at }) => at));
  const expires = Math.min(...group.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY));
  const operations = [...new Set(group.flatMap(({ operationId }) => operationId ?? []))];
  const redriveCommand = queue === name ? "redrive --queue" : "redrive --service";
  return h(
    "div",
    { class: "card bad", "data-key": key },
    h("h3", {}, `${name}: ${code}`),
    h("p", {}, error2?.message ?? "The function failed each time without an error report."),
    h(
      "p",
      {},
      `${countWithNoun(group.length, "message")}, the oldest for `,
      age(oldest, now),
      Number.isFinite(expires) && `; the first is deleted in ${durationText(expires - now)}`
    ),
    operations.length > 0 && h(
      "p",
      {},
      "Operations: ",
      operations.slice(0, 10).map((id) => [operationLink(id), " "]),
      operations.length > 10 && `and ${operations.length - 10} more`
    ),
    h(
      "p",
      { class: "advice" },
      error2?.advice ?? "Read the log of the operation, and fix the cause."
    ),
    h("p", {}, "After the cause is fixed:"),
    commandLine(command(`dead-letter ${redriveCommand}`, name, "--cause", code)),
    h("p", {}, "One message in full:"),
    commandLine(command("dead-letter show", first.id))
  );
}

// console/page-holds.ts
function holdsPage({
  holds,
  suspensions
}, now) {
  return [
    h("h1", {}, "Holds"),
    section(
      "Kept from being deleted",
      holds.length === 0 ? empty(
        "No hold is in force. To add one:",
        commandLine(`propagator hold add --project ID ${REASON_OPTION}`)
      ) : holdTable(holds, now),
      h(
        "p",
        { class: "note" },
        "A tag of a project in Keystone and the metadata of a resource can also be holds. An operation that waits for a hold names the hold."
      )
    ),
    section(
      "Projects that operators keep suspended",
      suspensions.length === 0 ? empty("No operator keeps a project suspended.") : suspensions.map((suspension) => suspensionCard(suspension, now))
    )
  ];
}
var holdTable = (holds, now) => table(
  "Holds in force",
  [
    {
      title: "Kept",
      isHead: true,
      cell: ({ target, id, project }) => wrapped(`${target} ${id}${project === void 0 ? "" : ` of project ${project}`}`)
    },
    { title: "By", cell: ({ by }) => by },
    { title: "Reason", cell: ({ reason }) => wrapped(reason) },
    { title: "Ticket", cell: ({ ticket }) => ticket ?? "-" },
    { title: "Age", isNumber: true, cell: ({ at }) => age(at, now) },
    {
      title: "Until",
      cell: ({ until }) => until === void 0 ? "it is removed" : timeText(until)
    },
    {
      title: "End it",
      cell: ({ target, id }) => commandLine(`propagator hold remove --${target} ${quoted(id)}`)
    }
  ],
  holds,
  ({ target, id }) => `${target}/${id}`
);
function suspensionCard({ project, by, reason, at, enabledAt, advice }, now) {
  const isEnabled = enabledAt !== void 0;
  const enabledText = `Enabled in Keystone since ${enabledAt}, but kept suspended by an operator.`;
  return h(
    "div",
    { class: `card ${isEnabled ? "bad" : "quiet"}`, "data-key": project },
    h("h3", {}, `project ${project}`),
    h("p", {}, `By ${by} for `, age(at, now), `: ${reason}`),
    isEnabled && h("p", {}, h("strong", {}, enabledText)),
    adviceElements(advice),
    !isEnabled && commandLine(`${command("project resume", project)} ${REASON_OPTION}`)
  );
}

// console/operation-commands.ts
function planSection(plan) {
  const { digest, approvals, approvalsNeeded, carriedOutBy, allowedDrift, resources } = plan;
  return section(
    "Plan",
    facts([
      ["Would remove", countWithNoun(resources, "resource")],
      ["Digest", digest ?? "the plan is not complete yet"],
      [
        "Approvals",
        `${approvals.length} of ${approvalsNeeded}` + (approvals.length > 0 ? `: ${approvals.map(({ by, at }) => `${by} at ${timeText(at)}`).join(", ")}` : "")
      ],
      ["Drift", `up to ${allowedDrift} resources that appear after the plan are also removed`],
      ["Carried out by", carriedOutBy !== void 0 && operationLink(carriedOutBy)]
    ]),
    plan.keystoneCheck.refusals.map(
      ({ message, advice }, index) => h(
        "div",
        { class: "card bad", "data-key": `refusal ${index}` },
        h("h3", {}, message),
        adviceElements(advice)
      )
    ),
    carriedOutBy === void 0 && digest !== void 0 && [
      h("p", {}, "Read every resource, and compare the digest:"),
      commandLine(`${command("operation show", plan.id)} --resources`),
      h(
        "p",
        {},
        "Then approve the plan. The command asks no question, and removed resources do not come back. For a recovery window add --recover-for TIME, for example --recover-for 30d."
      ),
      commandLine(command("operation approve", plan.id, "--digest", digest))
    ]
  );
}
function offeredCommands(view) {
  const { id, state, request, action } = view.operation;
  const isPlan = action === "plan";
  const isCleanup = action === "cleanup";
  const ended = hasEnded(view);
  const withReason = (verb) => `${command(`operation ${verb}`, id)} ${REASON_OPTION}`;
  const offered = [
    !ended && ["Follow it in a terminal", command("operation watch", id)],
    !isPlan && state === "held" && ["Continue it", withReason("release")],
    isCleanup && state === "observed" && !request && ["Carry it out", withReason("release")],
    !ended && !isPlan && request !== void 0 && ["Cancel the request", withReason("cancel")],
    state === "recoverable" && [
      "End the window and remove everything now (this cannot be undone)",
      withReason("release")
    ],
    ended && isCleanup && state !== "canceled" && ["Run it again", withReason("rerun")],
    ["Show everything", command("operation show", id)]
  ];
  return [
    h(
      "p",
      { class: "note" },
      "The console changes nothing. Type a command in a terminal in which you are logged in."
    ),
    offered.map((one) => {
      if (!one) return void 0;
      const [title, line] = one;
      return h(
        "div",
        { class: "offer", "data-key": title },
        h("p", {}, title),
        commandLine(line, title)
      );
    })
  ];
}

// console/operation-services.ts
var doneWord = (action) => ({ provision: "ready", suspend: "suspended", resume: "resumed" })[action] ?? "removed";
function servicesSection(view) {
  const { operation: operation2, tasks } = view;
  const isSkipped = (task2) => task2.state === "skipped";
  const shownTasks = tasks.filter((task2) => !isSkipped(task2));
  if (shownTasks.length === 0)
    return !hasEnded(view) && (view.projects ?? []).length === 0 && section(
      "Services",
      empty(
        `No service has begun yet. The services begin after ${operation2.state === "recoverable" ? "the recovery window" : "the counting"}.`
      )
    );
  const skipped = tasks.filter(isSkipped).map(({ service }) => service);
  const totals = ({ counts }) => sumCounts(Object.values(counts));
  const progressColumns = [
    { title: "Progress", cell: (task2) => bar(totals(task2), task2.service) },
    numberColumn("Found", (task2) => totals(task2).found),
    numberColumn(capital(doneWord(operation2.action)), (task2) => totals(task2).removed),
    numberColumn("Left", (task2) => totals(task2).left)
  ];
  return section(
    "Services",
    table(
      "Services of this operation",
      [
        { title: "Service", isHead: true, cell: ({ service, region }) => `${service} (${region})` },
        { title: "State", cell: ({ state }) => stateElement(state) },
        ...onlyCounts(view) ? [numberColumn("Counted", (task2) => totals(task2).found)] : progressColumns,
        { title: "Resources", cell: (task2) => typesOf(task2, doneWord(operation2.action)) }
      ],
      shownTasks,
      ({ id }) => id
    ),
    skipped.length > 0 && h("p", { class: "note" }, `Not in this cloud or off: ${skipped.join(", ")}.`)
  );
}
var numberColumn = (title, numberOf) => ({
  title,
  isNumber: true,
  cell: (task2) => amount2(numberOf(task2))
});
function typesOf({ counts, because }, done) {
  const foundTypes = Object.entries(counts).filter(([, { found }]) => found > 0);
  return [
    because !== void 0 && h("p", {}, because),
    foundTypes.length > 0 && h(
      "details",
      {},
      h("summary", {}, countWithNoun(foundTypes.length, "type")),
      h(
        "ul",
        {},
        foundTypes.map(
          ([type, { found, left }]) => h(
            "li",
            { "data-key": type },
            `${type}: ${numberText(found - left)} of ${numberText(found)} ${done}, ${numberText(left)} left`
          )
        )
      )
    )
  ];
}
function projectsSection({ projects = [] }) {
  if (projects.length === 0) return void 0;
  return section(
    "Projects, the deepest first",
    table(
      "Projects of the domain",
      [
        { title: "Project", isHead: true, cell: ({ id, name }) => name ?? id },
        { title: "State", cell: ({ state }) => stateElement(state) },
        {
          title: "Operation",
          cell: ({ operationId }) => operationId === void 0 ? "-" : operationLink(operationId)
        },
        { title: "Found", isNumber: true, cell: ({ resources }) => amount2(resources?.found) },
        { title: "Left", isNumber: true, cell: ({ resources }) => amount2(resources?.left) }
      ],
      projects,
      ({ id }) => id
    )
  );
}
var REMAINS_TITLE = "Remains or is unknown";
function remainsSection({ operation: operation2, tasks }) {
  const notes = tasks.flatMap(
    ({ service, region, state, conditions }) => conditions.filter((one) => one.class === "Unsupported" && one.actor === "operator").map((one) => ({
      key: `${service} ${region} ${one.resourceType ?? ""} ${one.message}`,
      title: `${one.resourceType ?? service}${one.count > 1 ? ` (${numberText(one.count)})` : ""}: ` + one.message,
      what: state === "unreachable" ? "could not be listed" : "retained",
      advice: one.advice
    }))
  );
  const uncovered2 = operation2.uncovered.map(({ type, name, because, advice }) => ({
    key: `uncovered ${type}`,
    title: `${type} (${name})${because === void 0 ? "" : `: ${because}`}`,
    what: "not covered, so its resources are unknown",
    advice: advice ?? `If this type has no resources of projects: propagator waiver add ${type} ${REASON_OPTION}`
  }));
  const all = [...notes, ...uncovered2];
  if (all.length === 0) return void 0;
  return section(
    REMAINS_TITLE,
    all.map(
      ({ key, title, what, advice }) => h(
        "div",
        { class: "card quiet", "data-key": key },
        h("h3", {}, title),
        h("p", {}, capital(what), "."),
        adviceElements(advice)
      )
    )
  );
}

// console/page-operation.ts
async function loadDetails(api, { operation: operation2 }, signal, previous) {
  const { id, action, state } = operation2;
  const readPlan2 = (planId) => api.get(`/v1/operations/${encodeURIComponent(planId)}/plan`, planShape, signal).catch(() => void 0);
  const approvedPlanId = state === "recoverable" ? operation2.plan?.of : void 0;
  const [{ entries }, ownPlan, approvedPlan] = await Promise.all([
    api.get(`/v1/audit?operation=${encodeURIComponent(id)}&limit=50`, auditShape, signal),
    action === "plan" ? readPlan2(id) : void 0,
    // The plan that the operation carries out does not change, so it is read only once.
    previous?.approvedPlan ?? (approvedPlanId === void 0 ? void 0 : readPlan2(approvedPlanId))
  ]);
  return { audit: entries, plan: ownPlan, approvedPlan };
}
function operationPage(view, details, samples, now) {
  const { operation: operation2 } = view;
  return [
    h("h1", {}, capital(`${operation2.action} of ${accountOf(operation2)}`)),
    h("p", { class: "lead" }, stateElement(operation2.state), " ", meaningOf(view)),
    endCard(view),
    progressLine(view, details?.approvedPlan, samples),
    waitingCards(view, now),
    details?.plan && planSection(details.plan),
    servicesSection(view),
    projectsSection(view),
    remainsSection(view),
    section("Commands", offeredCommands(view)),
    section("Facts", operationFacts(view, now)),
    section("Decisions", decisionTable(details, now))
  ];
}
function meaningOf(view) {
  const { state, scope } = view.operation;
  const meaning = MEANINGS[state] ?? "";
  if (state === "recoverable") return `${IN_WINDOW[scope.type] ?? ""}${meaning}`;
  if (state !== "finished") return meaning;
  const exception = remainsSection(view) !== void 0 ? `the resources under “${REMAINS_TITLE}”` : view.resources.left > 0 ? "the resources that remain" : void 0;
  return exception === void 0 ? meaning : `A new listing showed that nothing is left to do, except for ${exception}.`;
}
var IN_WINDOW = {
  project: "The project is disabled and suspended. ",
  domain: "The domain is disabled. Its projects are suspended only as the policy file says. "
};
function endCard(view) {
  const { hold, state } = view.operation;
  return hasEnded(view) && hold !== void 0 && h(
    "div",
    { class: "card quiet", "data-key": `ended ${state}` },
    h("h3", {}, capital(hold.reason)),
    adviceElements(hold.advice)
  );
}
function progressLine(view, approvedPlan, samples) {
  const { operation: operation2, resources } = view;
  const { found, removed, left } = resources;
  if (operation2.state === "recoverable")
    return approvedPlan && h("p", {}, `The plan lists ${countWithNoun(approvedPlan.resources, "resource")}.`);
  if (onlyCounts(view))
    return h("p", {}, `${countWithNoun(found, "resource")} counted; nothing is changed.`);
  const rate = hasEnded(view) ? void 0 : removalRate(samples, left);
  const texts = [
    `${numberText(removed)} of ${numberText(found)} ${doneWord(operation2.action)}`,
    `${numberText(left)} left`,
    ...rate ? [
      `${rate.perSecond.toFixed(1)} per second`,
      `about ${durationText(rate.remainingMillis)} to go`
    ] : []
  ];
  return h(
    "div",
    { class: "progress" },
    bar(resources, "The whole operation"),
    h("span", {}, texts.join(", "))
  );
}
function waitingCards({ waitsOn, ...view }, now) {
  if (waitsOn.length === 0) return void 0;
  const ordered = waitsOn.toSorted(
    (a, b) => Number(b.actor === "operator") - Number(a.actor === "operator")
  );
  return section(
    "Waits for",
    ordered.map(
      ({ on, since, actor, advice, requestId, deadLetter }, index) => h(
        "div",
        {
          class: `card ${deadLetter ? "bad" : actor === "none" ? "quiet" : "wait"}`,
          "data-key": `${view.operation.id} ${index} ${on}`
        },
        h("h3", {}, on),
        h(
          "p",
          {},
          actor === "none" ? "No action is needed. " : h("strong", {}, `The ${actor} must act. `),
          "Since ",
          age(since, now),
          typeof requestId === "string" && `; request ${requestId}`
        ),
        adviceElements(advice)
      )
    )
  );
}
function operationFacts({ operation: operation2 }, now) {
  const { scope, rerun, released, plan, recovery } = operation2;
  return facts([
    ["Operation", operation2.id],
    [capital(scope.type), scope.name === void 0 ? scope.id : `${scope.name} (${scope.id})`],
    ["Domain", scope.domainId],
    ["Mode", operation2.mode],
    ["Because", causeText(operation2)],
    [
      "Plan",
      plan && [
        operationLink(plan.of),
        `, approved by ${plan.approvals.map((one) => one.by).join(" and ")}`
      ]
    ],
    [
      "Runs again",
      rerun && [operationLink(rerun.of), `, requested by ${rerun.by}: ${rerun.reason}`]
    ],
    ["Released", released && `by ${released.by} at ${timeText(released.at)}: ${released.reason}`],
    [
      "Recoverable until",
      recovery && operation2.state === "recoverable" && timeText(recovery.seenAt + recovery.remainingMillis)
    ],
    ["Opened", timeText(operation2.openedAt)],
    ["Ended", operation2.endedAt !== void 0 && timeText(operation2.endedAt)],
    ["Duration", durationText((operation2.endedAt ?? now) - operation2.openedAt)]
  ]);
}
function causeText({ cause, request }) {
  if (request) return `requested by ${request.by} at ${timeText(request.at)}: ${request.reason}`;
  const { eventType, initiator, note } = cause;
  const by = initiator ? ` by ${initiator.name ?? initiator.userId}` : "";
  return `${eventType}${by}${note === void 0 ? "" : `; ${note}`}`;
}
function decisionTable(details, now) {
  if (!details) return empty("The audit log is being read.");
  if (details.audit.length === 0)
    return empty("No person has made a decision about this operation.");
  return table(
    "Decisions of persons, newest first",
    [
      { title: "Age", cell: ({ at }) => age(at, now) },
      { title: "By", isHead: true, cell: ({ by }) => by?.name ?? "unreadable" },
      { title: "From", cell: ({ from }) => from ?? "-" },
      { title: "Decision", cell: ({ what }) => what ?? "-" },
      { title: "Reason", cell: ({ reason }) => reason ?? "-" }
    ],
    details.audit,
    ({ sequence }) => String(sequence)
  );
}

// console/page-operations.ts
var ACTIONS = ["cleanup", "suspend", "resume", "provision", "plan"];
var loadOperations = (api, filters, signal) => api.get(`/v1/operations?${apiQuery(filters)}`, operationsShape, signal);
function operationsPage({ operations, notice }, filters, now) {
  const matchingOperations = filterOperations(operations, filters);
  const { rows, page: page2, pages } = pageOf(matchingOperations, filters.page);
  const isFiltered = [filters.state, filters.action, filters.domain, filters.text].some(
    (one) => one !== ""
  );
  return [
    h("h1", {}, "Operations"),
    filterForm(filters),
    h("p", { class: "note" }, extentText(matchingOperations.length, operations.length, filters)),
    notice !== void 0 && h("p", { class: "note" }, notice),
    rows.length === 0 ? isFiltered ? empty("No operation matches these filters. ", link("#/operations", "Show all operations")) : empty("No operation yet. An operation begins when an account changes in Keystone.") : operationTable(rows, now),
    pages > 1 && pager(filters, page2, pages)
  ];
}
function extentText(found, read, filters) {
  const hasReadAll = read < filters.limit;
  if (hasReadAll) return `${countWithNoun(found, "operation")}.`;
  const amongNewest = `${countWithNoun(found, "operation")} among the newest ${read}. `;
  return filters.limit < READ_LIMITS.max ? [
    amongNewest,
    link(
      listAddress({ ...filters, limit: READ_LIMITS.max }),
      `Search the newest ${READ_LIMITS.max}`
    )
  ] : `${amongNewest}For older operations, filter by state or domain.`;
}
var operationTable = (rows, now) => table(
  "Operations, newest first",
  [
    { title: "Operation", isHead: true, cell: ({ operation: operation2 }) => operationLink(operation2.id) },
    { title: "Action", cell: ({ operation: operation2 }) => operation2.action },
    { title: "Account", cell: ({ operation: operation2 }) => wrapped(accountOf(operation2)) },
    { title: "State", cell: ({ operation: operation2 }) => stateElement(operation2.state) },
    { title: "Progress", cell: progressOf },
    { title: "Left", isNumber: true, cell: ({ resources }) => amount2(resources.left) },
    { title: "Age", isNumber: true, cell: ({ operation: operation2 }) => age(operation2.openedAt, now) },
    { title: "Waits for", cell: (view) => wrapped(firstReason(view) || "-") }
  ],
  rows,
  ({ operation: operation2 }) => operation2.id
);
function progressOf(view) {
  const note = (text2) => h("span", { class: "bar note" }, text2);
  if (onlyCounts(view)) return note(`${numberText(view.resources.found)} counted`);
  if (view.operation.state === "recoverable") return note("not begun");
  return bar(view.resources, view.operation.id);
}
function filterForm(filters) {
  const choice = (name, title, values) => field(
    name,
    title,
    h(
      "select",
      { id: `filter-${name}`, name },
      h("option", { value: "" }, "all"),
      values.map(
        (one) => h("option", { value: one, selected: filters[name] === one && "selected" }, one)
      )
    )
  );
  const textField = (name, title) => field(
    name,
    title,
    h("input", {
      id: `filter-${name}`,
      name,
      type: "text",
      value: filters[name],
      maxlength: "255",
      autocomplete: "off",
      spellcheck: "false"
    })
  );
  return h(
    "form",
    { class: "filters", "data-form": "filters", "data-key": `filters ${JSON.stringify(filters)}` },
    choice("state", "State", STATES),
    choice("action", "Action", ACTIONS),
    textField("domain", "Domain id"),
    textField("text", "Name, id or reason"),
    h("button", { type: "submit" }, "Filter")
  );
}
var field = (name, title, control) => h("p", { class: "field" }, h("label", { for: `filter-${name}` }, title), control);
var pager = (filters, page2, pages) => h(
  "nav",
  { class: "pager", "aria-label": "Pages" },
  page2 > 1 && link(listAddress({ ...filters, page: page2 - 1 }), "Newer"),
  h("span", {}, `Page ${page2} of ${pages}`),
  page2 < pages && link(listAddress({ ...filters, page: page2 + 1 }), "Older")
);

// console/needs.ts
function needsOf({ status, newest, older, plans, morePlanCount }, now) {
  const all = [...newest, ...older];
  const queuesWithDeadLetters = Object.entries(status.queues).filter(([, queue]) => queue.dead > 0);
  const deadLetterCount = queuesWithDeadLetters.reduce((total, [, queue]) => total + queue.dead, 0);
  const queueNames = queuesWithDeadLetters.map(([queue]) => queue);
  const waitingForPerson = all.filter(needsPerson);
  const hasDeadLetter = ({ waitsOn }) => waitsOn.some(({ deadLetter }) => deadLetter);
  const withDeadLetter = waitingForPerson.filter(hasDeadLetter);
  const withoutDeadLetter = waitingForPerson.filter((one) => !hasDeadLetter(one));
  return [
    ...status.stopped ? [stopNeed(status.stopped, now)] : [],
    ...status.ok ? [] : [healthNeed()],
    ...deadLetterCount > 0 ? [deadLettersNeed(deadLetterCount, queueNames)] : [],
    ...withDeadLetter.map((one) => operationNeed(one, "bad", now)),
    ...status.enabledDuringHold > 0 ? [enabledDuringHoldNeed(status.enabledDuringHold)] : [],
    ...withoutDeadLetter.map((one) => operationNeed(one, "wait", now)),
    ...plans.map((plan) => planNeed(plan, now)),
    ...morePlanCount > 0 ? [morePlansNeed(morePlanCount)] : [],
    ...status.suspicious > 0 ? [suspiciousNeed(status.suspicious)] : []
  ];
}
var need = (key, tone, title, detail) => ({ key, tone, title, detail });
var stopNeed = (stopped, now) => need(
  "stopped",
  "bad",
  ["All destructive work is stopped"],
  [
    h(
      "p",
      {},
      `By ${stopped.by} for `,
      age(stopped.at, now),
      `: ${stopped.reason ?? "no reason"}`
    ),
    commandLine(`propagator resume-all ${REASON_OPTION}`)
  ]
);
var healthNeed = () => need(
  "health",
  "bad",
  ["A part of the propagator does not work"],
  [
    h("p", {}, "Notifications may not arrive. To find the part:"),
    commandLine("propagator status")
  ]
);
var deadLettersNeed = (count2, queues) => need(
  "dead",
  "bad",
  [link("#/dead-letters", `${countWithNoun(count2, "dead-letter message")}`)],
  [h("p", {}, `Queues: ${queues.join(", ")}. The list shows each cause with its command.`)]
);
function operationNeed(view, tone, now) {
  const { operation: operation2, waitsOn } = view;
  const first = waitsOn.find(({ actor }) => actor === "operator") ?? waitsOn[0];
  return need(
    operation2.id,
    tone,
    [
      operationLink(operation2.id),
      ` ${operation2.action} of ${accountOf(operation2)} `,
      stateElement(operation2.state)
    ],
    [
      h("p", {}, firstReason(view), first && [" (for ", age(first.since, now), ")"]),
      adviceElements(first?.advice),
      operation2.state === "held" && !first?.advice?.includes("operation release") && commandLine(`${command("operation release", operation2.id)} ${REASON_OPTION}`)
    ]
  );
}
var planNeed = ({ operation: view, details }, now) => {
  const { id, openedAt } = view.operation;
  return need(
    id,
    "wait",
    [
      operationLink(id),
      ` plan of ${accountOf(view.operation)} ${details ? "waits" : "may wait"} for approval`
    ],
    [
      h(
        "p",
        {},
        details ? `${countWithNoun(details.resources, "resource")}; ${details.approvals.length} of ${details.approvalsNeeded} approvals; planned ` : "The plan could not be read now; planned ",
        age(openedAt, now),
        " ago. ",
        link(`#/operations/${encodeURIComponent(id)}`, "Read the plan")
      )
    ]
  );
};
var morePlansNeed = (count2) => need(
  "more plans",
  "wait",
  [`${countWithNoun(count2, "older plan")} may wait for approval`],
  [h("p", {}, link(listAddress({ action: "plan", state: "observed" }), "See the plans"))]
);
var enabledDuringHoldNeed = (count2) => need(
  "enabled",
  "bad",
  [`${countWithNoun(count2, "project")} held suspended, but enabled in Keystone`],
  [h("p", {}, link("#/holds", "See the holds"))]
);
var suspiciousNeed = (count2) => need(
  "suspicious",
  "wait",
  [`${countWithNoun(count2, "deletion")} held: Keystone never showed the account`],
  [commandLine("propagator suspicious list")]
);

// console/page-overview.ts
function overviewPage(overview, now) {
  const needs = needsOf(overview, now);
  return [
    h("h1", {}, "Overview"),
    section(
      needsTitle(needs.length, overview),
      needs.length === 0 && empty(
        "No operation is held, no message is dead-lettered, no plan waits for approval, and the propagator reports no problem."
      ),
      needs.map(needCard)
    ),
    extentNote(overview),
    overview.notice !== void 0 && h("p", { class: "note" }, overview.notice),
    section("Operations by state", stateTiles(overview)),
    section("Propagator", healthFacts(overview.status))
  ];
}
var needsTitle = (count2, { statesWithMore }) => count2 === 0 ? `Nothing ${statesWithMore.length > 0 ? "that was read " : ""}needs a person now` : `Needs a person now: ${count2}${statesWithMore.length > 0 ? " or more" : ""}`;
var extentNote = ({ newest, statesWithMore }) => newest.length >= NEWEST_COUNT && h(
  "p",
  { class: "note" },
  `This page considers the newest ${NEWEST_COUNT} operations. It also considers the newest ${NEWEST_COUNT} in the state observed, and in each state that is not an end state.`,
  statesWithMore.length > 0 && " See all: ",
  statesWithMore.map((state, index) => [
    index > 0 && ", ",
    link(listAddress({ state, limit: READ_LIMITS.max }), state)
  ])
);
var needCard = ({ key, tone, title, detail }) => h(
  "div",
  { class: `card ${tone}`, "data-key": key },
  h(
    "h3",
    {},
    h("span", { "aria-hidden": "true", class: "mark" }, tone === "bad" ? "✗" : "!"),
    ...title
  ),
  ...detail
);
function stateTiles({ newest }) {
  if (newest.length === 0)
    return empty(
      "No operation yet. Delete a test project in Keystone, or plan one:",
      commandLine("propagator project plan PROJECT")
    );
  const counts = Map.groupBy(newest, ({ operation: operation2 }) => operation2.state);
  const shown = [...STATES, ...counts.keys()].filter(
    (state, index, all) => counts.has(state) && all.indexOf(state) === index
  );
  return [
    h(
      "ul",
      { class: "tiles" },
      shown.map(
        (state) => h(
          "li",
          { "data-key": state },
          h(
            "a",
            { href: `#/operations?state=${encodeURIComponent(state)}` },
            h("strong", {}, numberText(counts.get(state)?.length ?? 0)),
            " ",
            stateElement(state)
          )
        )
      )
    ),
    h(
      "p",
      { class: "note" },
      newest.length < NEWEST_COUNT ? "All operations." : `The newest ${NEWEST_COUNT} operations.`
    )
  ];
}
function healthFacts(status) {
  const busy = Object.entries(status.queues).filter(
    ([, { ready, active, dead }]) => ready + active + dead > 0
  );
  return h(
    "dl",
    { class: "facts" },
    [
      ["Health", status.ok ? "all parts work" : "a part does not work"],
      ["Mode", status.mode ?? "unknown"],
      ["Accounts known", numberText(status.accounts)],
      [
        "Queues",
        busy.length === 0 ? "empty" : busy.map(
          ([name, { ready, active, dead }]) => `${name}: ${ready} ready, ${active} active${dead > 0 ? `, ${dead} dead` : ""}`
        ).join("; ")
      ]
    ].map(([name = "", value = ""]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))
  );
}

// console/page-services.ts
function servicesPage({ services, httpPlugins, uncovered: uncovered2, waived }, now) {
  const denied = services.filter(({ problem }) => problem !== void 0);
  return [
    h("h1", {}, "Services"),
    denied.length > 0 && section(
      "Not permitted",
      denied.map(
        ({ name, problem }) => h(
          "div",
          { class: "card bad", "data-key": name },
          h("h3", {}, `${name}: ${problem?.message ?? ""}`),
          adviceElements(problem?.advice)
        )
      )
    ),
    uncovered2.length > 0 && section("Not covered or unreachable", uncovered2.map(uncoveredCard)),
    section(
      "Covered, in the order of the cleanup",
      coveredTable(services),
      absentServicesNote(services, httpPlugins)
    ),
    waived.length > 0 && section(
      "Waived",
      table(
        "Waivers",
        [
          { title: "Type", isHead: true, cell: ({ type }) => type },
          { title: "By", cell: ({ by }) => by },
          { title: "Reason", cell: ({ reason }) => wrapped(reason) },
          { title: "Age", isNumber: true, cell: ({ at }) => age(at, now) },
          { title: "End it", cell: ({ type }) => commandLine(command("waiver remove", type)) }
        ],
        waived,
        ({ type }) => type
      )
    )
  ];
}
function coveredTable(services) {
  const present = services.filter(({ regions }) => regions.length > 0);
  if (present.length === 0)
    return empty("The catalog of this cloud has no service that is covered.");
  return table(
    "Covered services of this cloud",
    [
      { title: "Service", isHead: true, cell: ({ name }) => name },
      { title: "State", cell: ({ on }) => stateElement(on ? "present" : "off by default") },
      { title: "Regions", cell: ({ regions }) => regions.join(", ") },
      { title: "Catalog types", cell: ({ catalogTypes }) => catalogTypes.join(", ") || "-" },
      { title: "Resource types", cell: typesOf2 }
    ],
    present,
    ({ name }) => name
  );
}
var typesOf2 = ({ resourceTypes, noProjectResources }) => resourceTypes.length === 0 ? wrapped(noProjectResources ?? "no resources of projects") : h(
  "details",
  {},
  h("summary", {}, countWithNoun(resourceTypes.length, "type")),
  h(
    "ul",
    {},
    resourceTypes.map((type) => h("li", {}, type))
  )
);
function absentServicesNote(services, httpPlugins) {
  const names = services.filter(({ regions }) => regions.length === 0).map(({ name }) => name);
  return [
    names.length > 0 && h("p", { class: "note" }, `Not in this cloud: ${names.join(", ")}.`),
    httpPlugins.length > 0 && h("p", { class: "note" }, `Called over HTTP: ${httpPlugins.join(", ")}.`)
  ];
}
var uncoveredCard = ({ type, name, region, because, advice }) => h(
  "div",
  { class: "card wait", "data-key": `${type} ${region ?? ""} ${because ?? ""}` },
  h("h3", {}, `${type} (${name})${region === void 0 ? "" : ` in ${region}`}`),
  h(
    "p",
    {},
    because ?? "No service file covers this type. Its resources are not removed, and each operation ends as unverified."
  ),
  advice === void 0 ? commandLine(`${command("waiver add", type)} ${REASON_OPTION}`, `waive ${type}`) : adviceElements(advice)
);

// console/patch.ts
function patch(parent, children) {
  const keyed = keyedElements(parent);
  removeUnwanted(keyed, children);
  let position = parent.firstChild;
  for (const child of children) {
    const key = keyOf(child);
    const candidate = key === void 0 ? position : keyed.get(key) ?? null;
    const node = candidate && canBecome(candidate, child) ? candidate : create(child, parent.ownerDocument);
    if (node === position) position = node.nextSibling;
    else parent.insertBefore(node, position);
    changeNode(node, child);
  }
  removeFrom(position);
}
function keyedElements(parent) {
  const keyed = /* @__PURE__ */ new Map();
  for (const node of parent.children) {
    const key = node.getAttribute("data-key");
    if (key !== null) keyed.set(key, node);
  }
  return keyed;
}
function removeUnwanted(keyed, children) {
  const wanted = new Set(children.map(keyOf));
  for (const [key, node] of keyed) if (!wanted.has(key)) node.remove();
}
function removeFrom(first) {
  let position = first;
  while (position) {
    const next = position.nextSibling;
    position.remove();
    position = next;
  }
}
var keyOf = (child) => typeof child === "string" ? void 0 : child.attributes["data-key"];
function canBecome(node, child) {
  if (typeof child === "string") return node.nodeType === node.TEXT_NODE;
  if (node.nodeType !== node.ELEMENT_NODE) return false;
  const element = node;
  return element.localName === child.tag && (element.getAttribute("data-key") ?? void 0) === child.attributes["data-key"];
}
var create = (child, document2) => typeof child === "string" ? document2.createTextNode("") : document2.createElement(child.tag);
var CHANGED_BY_PERSON = ["open", "value", "selected"];
function changeNode(node, child) {
  if (typeof child !== "string") changeElement(node, child);
  else if (node.nodeValue !== child) node.nodeValue = child;
}
function changeElement(element, { attributes, children }) {
  const isNew = element.attributes.length === 0 && element.childNodes.length === 0;
  for (const name of element.getAttributeNames())
    if (!(name in attributes) && !isChangedByPerson(element, name)) element.removeAttribute(name);
  for (const [name, value] of Object.entries(attributes))
    if (element.getAttribute(name) !== value && (isNew || maySet(element, name)))
      element.setAttribute(name, value);
  patch(element, children);
}
var isChangedByPerson = (element, name) => element.localName !== "progress" && CHANGED_BY_PERSON.includes(name);
var maySet = (element, name) => name !== "open" && !(isChangedByPerson(element, name) && element.hasAttribute(name));

// console/routes.ts
var PAGES = [
  ["overview", "#/", "Overview"],
  ["operations", "#/operations", "Operations"],
  ["dead-letters", "#/dead-letters", "Dead letters"],
  ["holds", "#/holds", "Holds"],
  ["services", "#/services", "Services"]
];
var ID = /^op-[0-9a-f]{12}$/;
function routeOf(hash) {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  if (path === "") return { page: "overview" };
  if (path === "operations")
    return { page: "operations", filters: filtersOf(new URLSearchParams(query)) };
  const id = path.startsWith("operations/") ? path.slice("operations/".length) : "";
  if (ID.test(id)) return { page: "operation", id };
  if (path === "dead-letters" || path === "holds" || path === "services") return { page: path };
  return { page: "unknown" };
}

// console/shell.ts
var GET_TOKEN = "openstack --os-system-scope all token issue -f value -c id";
var header = (route, connection, now, tab) => [
  h("p", { class: "brand" }, link("#/", "keystone-propagator")),
  h(
    "nav",
    { "aria-label": "Pages of the console" },
    h(
      "ul",
      {},
      PAGES.map(
        ([page2, address, title]) => h(
          "li",
          { "data-key": page2 },
          h("a", { href: address, "aria-current": isIn(route, page2) && "page" }, title)
        )
      )
    )
  ),
  h(
    "div",
    { class: "right" },
    // An unknown page reads no data.
    route.page !== "unknown" && connectionText(connection, now, tab),
    tab.hasToken && logOutButton()
  )
];
var isIn = ({ page: page2 }, link2) => page2 === link2 || page2 === "operation" && link2 === "operations";
var logOutButton = () => h("button", { type: "button", "data-action": "logout" }, "Log out");
function connectionText(connection, now, tab) {
  const [tone, text2, nextAttempt] = describeConnection(connection, now, tab);
  return h(
    "p",
    { class: `connection ${tone}` },
    h("span", { role: "status" }, text2),
    nextAttempt !== void 0 && h("span", { "aria-hidden": "true" }, ` ${nextAttempt}`)
  );
}
function describeConnection(connection, now, { hasData }) {
  if (!connection) return ["quiet", "Loading"];
  if (connection.kind === "live") return ["good", "Live"];
  if (connection.kind === "ended") return ["quiet", "Ended: no change follows"];
  if (connection.kind === "stopped") return ["bad", "Not updated"];
  const wait = Math.max(0, connection.nextAt - now);
  const isLost = connection.error.kind === "unreachable";
  const cause = isLost ? "Connection lost" : "The API reports an error";
  const text2 = hasData ? `${cause}: the shown data is old.` : `${cause}.`;
  return ["bad", text2, `Next attempt in ${durationText(wait)}`];
}
var errorPage = ({ message, advice, kind }) => [
  h("h1", {}, kind === "missing" ? "Not found" : "This page cannot be shown"),
  h("div", { class: "card bad" }, h("h3", {}, capital(message)), adviceElements(advice)),
  h("p", {}, link("#/", "Go to the overview"))
];
var unknownPage = () => [
  h("h1", {}, "Not found"),
  h("p", {}, "The console has no page at this address. ", link("#/", "Go to the overview"))
];
var loadingPage = () => [h("p", { class: "empty" }, "Loading…")];
function loginPage(refused, isSafe) {
  if (!isSafe)
    return [
      h("h1", {}, "No login over plain HTTP"),
      h(
        "p",
        {},
        "The network could read your token. Set PROPAGATOR_API_CERT_FILE, or open a tunnel and use http://127.0.0.1:8787/console/ :"
      ),
      commandLine("ssh -L 8787:127.0.0.1:8787 HOST")
    ];
  return [
    h("h1", {}, "Log in"),
    refused !== void 0 && h("div", { class: "card bad", role: "alert" }, h("h3", {}, capital(refused))),
    h(
      "p",
      {},
      "The API requires a token of Keystone. The role reader is sufficient. To make a token:"
    ),
    commandLine(GET_TOKEN),
    h(
      "form",
      { class: "login", "data-form": "login" },
      h("label", { for: "token" }, "Token"),
      h("input", {
        id: "token",
        name: "token",
        type: "password",
        autocomplete: "off",
        spellcheck: "false",
        maxlength: "8192"
      }),
      h("button", { type: "submit" }, "Log in")
    ),
    h(
      "p",
      { class: "note" },
      "The console only reads. Log out at the end, because a browser restores the token with a reopened tab."
    )
  ];
}

// console/app.ts
var SHORT_POLL_MILLIS = 5e3;
var LONG_POLL_MILLIS = 3e4;
var Console = class {
  #browser;
  #api;
  /** Aborted when another page is opened. */
  #opened = new AbortController();
  #route = { page: "overview" };
  #address = "";
  #connection;
  #view;
  constructor(browser2) {
    this.#browser = browser2;
    this.#api = new Api({
      fetch: (path, init) => browser2.fetch(path, init),
      timeout: (millis) => browser2.timeout(millis),
      token: () => browser2.token(),
      now: () => browser2.now()
    });
  }
  /** Shows the page of the current address, and updates it until another page is opened. */
  async open() {
    this.#opened.abort();
    this.#opened = new AbortController();
    this.#address = this.#browser.hash();
    this.#route = routeOf(this.#address);
    [this.#connection, this.#view] = [void 0, void 0];
    this.render();
    await this.#follow(this.#route, this.#opened.signal);
  }
  close() {
    this.#opened.abort();
  }
  /** Draws the page. Called after a change, and each second because the shown ages grow. */
  render() {
    const { document: document2 } = this.#browser;
    const now = this.#api.now();
    const head = document2.getElementById("header");
    const main = document2.getElementById("main");
    if (!head || !main) return;
    const tab = {
      hasToken: this.#browser.token() !== void 0,
      hasData: this.#view !== void 0
    };
    patch(head, header(this.#route, this.#connection, now, tab));
    patch(main, [
      h("div", { class: "page", "data-key": `page ${this.#address}` }, this.#body(now))
    ]);
    const title = main.querySelector("h1")?.textContent ?? "";
    document2.title = title === "" ? "keystone-propagator" : `${title} · keystone-propagator`;
  }
  /** Copies a command, and shows the result. */
  async copy(line) {
    const isCopied = await this.#browser.copy(line);
    this.#notify(
      isCopied ? "Copied." : "The browser does not permit copying. Select the command instead."
    );
  }
  async logIn(token) {
    if (!/^[\x21-\x7e]{1,8192}$/.test(token.trim())) {
      this.#notify(
        "This text is not a token: it is empty, or it has characters that no token has."
      );
      return;
    }
    this.#browser.setToken(token.trim());
    await this.open();
  }
  async logOut() {
    this.#browser.setToken(void 0);
    await this.open();
    this.#notify("You are logged out. The token is no longer in this tab.");
  }
  /** Opens the list of operations at its first page, with the filters of the form. */
  filter(fields) {
    const { state = "", action = "", domain = "", text: text2 = "" } = fields;
    const route = this.#route;
    const limit = route.page === "operations" ? route.filters.limit : READ_LIMITS.initial;
    const trimmed = { domain: domain.trim(), text: text2.trim() };
    this.#browser.setHash(listAddress({ state, action, ...trimmed, limit }));
  }
  #notify(text2) {
    const notice = this.#browser.document.getElementById("notice");
    if (notice) notice.textContent = text2;
  }
  #body(now) {
    const { page: page2 } = this.#route;
    if (page2 === "unknown") return unknownPage();
    const connection = this.#connection;
    if (connection?.kind === "stopped" && connection.error.kind === "token") {
      const hadToken = this.#browser.token() !== void 0;
      return loginPage(hadToken ? connection.error.message : void 0, this.#browser.isSafe);
    }
    const error2 = connection?.kind === "stopped" || connection?.kind === "lost" && !this.#view ? connection.error : void 0;
    if (error2) return errorPage(error2);
    return this.#view ? this.#view(now) : loadingPage();
  }
  async #follow(route, signal) {
    const pollPage = (load, view, everyMillis = SHORT_POLL_MILLIS) => poll(load, everyMillis, this.#deps(signal, view), signal);
    const api = this.#api;
    if (route.page === "overview") {
      const load = overviewLoader(api);
      return pollPage(() => load(signal), overviewPage);
    }
    if (route.page === "operations")
      return pollPage(
        () => loadOperations(api, route.filters, signal),
        (data, now) => operationsPage(data, route.filters, now),
        route.filters.limit > READ_LIMITS.initial ? LONG_POLL_MILLIS : SHORT_POLL_MILLIS
      );
    if (route.page === "dead-letters")
      return pollPage(
        () => api.get("/v1/dead-letters", deadLettersShape, signal),
        deadLettersPage,
        LONG_POLL_MILLIS
      );
    if (route.page === "holds")
      return pollPage(() => api.get("/v1/holds", holdsShape, signal), holdsPage);
    if (route.page === "services")
      return pollPage(
        () => api.get("/v1/services", servicesShape, signal),
        servicesPage,
        LONG_POLL_MILLIS
      );
    if (route.page === "operation") return this.#followOperation(route.id, signal);
  }
  /** Follows the stream of an operation. Reads its decisions and its plan every 10 s. */
  async #followOperation(id, signal) {
    let details;
    let latest;
    let samples = [];
    const view = (data, now) => operationPage(data, details, samples, now);
    const deps = this.#deps(signal, view);
    const pollDetails = (first) => poll(
      () => loadDetails(this.#api, latest ?? first, signal, details),
      2 * SHORT_POLL_MILLIS,
      {
        ...deps,
        onData: (read) => {
          details = read;
          this.render();
        },
        // The header shows the connection of the stream, not of these reads.
        onConnection: () => void 0
      },
      signal
    );
    let detailsPoll;
    await followOperation(
      id,
      {
        ...deps,
        onData: (state) => {
          latest = state;
          samples = withSample(samples, {
            at: this.#api.now(),
            removed: state.resources.removed
          });
          deps.onData(state);
          detailsPoll ??= pollDetails(state);
        }
      },
      signal
    );
    await detailsPoll;
  }
  #deps(signal, view) {
    const ifStillOpen = (step) => {
      if (signal.aborted) return;
      step();
      this.render();
    };
    return {
      api: this.#api,
      sleep: (millis, aborted) => this.#browser.sleep(millis, aborted),
      onData: (data) => ifStillOpen(() => {
        this.#view = (now) => view(data, now);
      }),
      onConnection: (connection) => ifStillOpen(() => {
        this.#connection = connection;
      })
    };
  }
};

// console/main.ts
var TOKEN_KEY = "keystone-propagator-token";
var LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];
var browser = {
  document,
  fetch: (path, init) => fetch(path, init),
  timeout: (millis) => AbortSignal.timeout(millis),
  now: () => Date.now(),
  sleep,
  hash: () => location.hash,
  setHash: (hash) => {
    location.hash = hash;
  },
  token: () => sessionStorage.getItem(TOKEN_KEY) ?? void 0,
  setToken: (token) => {
    if (token === void 0) sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, token);
  },
  isSafe: location.protocol === "https:" || LOOPBACK.includes(location.hostname),
  copy: async (text2) => {
    if (!navigator.clipboard) return false;
    return navigator.clipboard.writeText(text2).then(
      () => true,
      () => false
    );
  }
};
async function sleep(millis, signal) {
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  while (document.hidden && !signal.aborted)
    await new Promise((resolve) => {
      document.addEventListener("visibilitychange", () => resolve(), { once: true });
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
}
var page = new Console(browser);
var openPage = () => void page.open();
addEventListener("hashchange", () => {
  openPage();
  document.getElementById("main")?.focus();
  scrollTo(0, 0);
});
document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("[data-copy],[data-action]") : null;
  const line = button?.getAttribute("data-copy");
  if (typeof line === "string") void page.copy(line);
  if (button?.getAttribute("data-action") === "logout") void page.logOut();
});
document.addEventListener("click", (event) => {
  const skip = event.target instanceof Element ? event.target.closest("[data-skip]") : null;
  if (!skip) return;
  event.preventDefault();
  document.getElementById("main")?.focus();
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  const fields = Object.fromEntries(
    [...new FormData(form)].map(([name, value]) => [name, `${value}`])
  );
  if (form.dataset.form === "filters") page.filter(fields);
  if (form.dataset.form === "login") void page.logIn(fields.token ?? "");
});
setInterval(() => {
  if (!document.hidden) page.render();
}, 1e3);
openPage();
