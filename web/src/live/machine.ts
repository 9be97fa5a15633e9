// The live feed's client as a pure state machine: (state, input, now) gives the next state and what to do.
//
// What it promises: an event is applied only when its number is the next one, so nothing is lost and nothing is applied
// twice whatever the network does; a jump in the numbers makes it come back with its position and be told what it missed.
import type { ClientFrame, Event, Position, ServerFrame, Signal } from './protocol'

export type Phase =
  | 'stopped'
  /** Asking REST for a ticket. */
  | 'ticket'
  /** The socket is being opened. */
  | 'opening'
  /** Said hello, waiting for the welcome. */
  | 'greeting'
  | 'live'
  /** Waiting before the next try. */
  | 'waiting'

export interface State {
  phase: Phase
  /** What was applied last. Null until the first welcome. */
  position: Position | null
  /** The highest number the server told us of; ahead of the position while catching up. */
  head: number
  /** Failed tries in a row. */
  attempts: number
  /** Since when the feed is not live, in ms; null while live. */
  downSince: number | null
  online: boolean
  heartbeatMs: number
  /** How long a ticket keeps the socket; null when the server did not say. */
  staysMs: number | null
  /** The jump that made us come back: if the server, asked again, repeats it, the missing numbers are none of ours. */
  jump: { after: number; next: number } | null
  /** The server withholds events without saying so: jumps are accepted for the rest of this socket's life. */
  sparse: boolean
  /** When the last frame came, in ms. */
  heardAt: number
  /** Which conversation is open; said again after every reconnect. */
  viewing: string | null
  /** The member may no longer look: the account was disabled or signed out elsewhere. */
  revoked: boolean
}

export type Input =
  | { on: 'start' }
  | { on: 'stop' }
  | { on: 'ticket'; ticket: string }
  | { on: 'ticket_refused'; retryMs?: number }
  | { on: 'opened' }
  | { on: 'frame'; frame: ServerFrame }
  | { on: 'closed' }
  | { on: 'timer'; name: TimerName }
  | { on: 'network'; online: boolean }
  /** The page is looked at again, or the computer woke up. */
  | { on: 'woken' }
  | { on: 'renewed' }
  | { on: 'refresh_ticket'; ticket: string }
  | { on: 'viewing'; conversationId: string | null }
  | { on: 'typing'; conversationId: string; draft: string }

export type TimerName = 'retry' | 'welcome' | 'heartbeat' | 'expiry'

export type Action =
  | { do: 'fetch_ticket'; purpose: 'connect' | 'refresh' }
  | { do: 'open'; ticket: string }
  | { do: 'send'; frame: ClientFrame }
  | { do: 'close' }
  | { do: 'apply'; event: Event }
  | { do: 'signal'; signal: Signal }
  /** What the caches hold may be old: read it again through the API. */
  | { do: 'reload' }
  /** Whoever was typing or looking may have left while we were away. */
  | { do: 'forget_signals' }
  | { do: 'set_timer'; name: TimerName; ms: number }
  | { do: 'clear_timer'; name: TimerName }
  | { do: 'revoked' }

export const initial: State = {
  phase: 'stopped',
  position: null,
  head: 0,
  attempts: 0,
  downSince: null,
  online: true,
  heartbeatMs: 25_000,
  staysMs: null,
  jump: null,
  sparse: false,
  heardAt: 0,
  viewing: null,
  revoked: false,
}

const WELCOME_MS = 10_000
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 30_000

export interface Env {
  now: number
  /** 0 ≤ random < 1, for the spread of reconnects. */
  random: number
}

export function step(state: State, input: Input, env: Env): [State, Action[]] {
  switch (input.on) {
    case 'start':
      return state.phase === 'stopped' ? connect({ ...state, downSince: state.downSince ?? env.now, revoked: false }) : [state, []]
    case 'stop':
      return [{ ...state, phase: 'stopped', jump: null, sparse: false }, [...silence, { do: 'close' }, { do: 'forget_signals' }]]
    case 'ticket':
      if (state.phase !== 'ticket') return [state, []]
      return [
        { ...state, phase: 'opening' },
        [{ do: 'open', ticket: input.ticket }, { do: 'set_timer', name: 'welcome', ms: WELCOME_MS }],
      ]
    case 'ticket_refused':
      return state.phase === 'ticket' ? retryLater(state, env, input.retryMs) : [state, []]
    case 'opened':
      return state.phase === 'opening' ? [{ ...state, phase: 'greeting' }, []] : [state, []]
    case 'frame':
      return state.phase === 'live' || state.phase === 'greeting' ? frame({ ...state, heardAt: env.now }, input.frame, env) : [state, []]
    case 'closed':
      return active(state) ? retryLater(state, env) : [state, []]
    case 'timer':
      return timer(state, input.name, env)
    case 'network':
      return network(state, input.online, env)
    case 'woken':
      if (state.phase === 'waiting') return state.online ? connect(state) : [state, []]
      // Timers stand still while a computer sleeps; the clock does not.
      return state.phase === 'live' && env.now - state.heardAt > state.heartbeatMs * 2 ? comeBack(state, env) : [state, []]
    case 'renewed':
      return state.phase === 'live' ? [state, [{ do: 'fetch_ticket', purpose: 'refresh' }]] : [state, []]
    case 'refresh_ticket':
      return state.phase === 'live' ? [state, [{ do: 'send', frame: { type: 'refresh', ticket: input.ticket } }, ...stay(state)]] : [state, []]
    case 'viewing': {
      const next = { ...state, viewing: input.conversationId }
      return [next, state.phase === 'live' ? [viewingFrame(next)] : []]
    }
    case 'typing': {
      if (state.phase !== 'live') return [state, []]
      const draft = [...input.draft].slice(0, 140).join('')
      return [state, [{ do: 'send', frame: { type: 'typing', conversation_id: input.conversationId, draft } }]]
    }
  }
}

/** The hello that opens a socket; made late, because the position moves while a ticket is fetched. */
export function hello(state: State, ticket: string): ClientFrame {
  return state.position ? { type: 'hello', ticket, position: state.position } : { type: 'hello', ticket }
}

const silence: Action[] = [
  { do: 'clear_timer', name: 'retry' },
  { do: 'clear_timer', name: 'welcome' },
  { do: 'clear_timer', name: 'heartbeat' },
  { do: 'clear_timer', name: 'expiry' },
]

function active(state: State): boolean {
  return state.phase === 'opening' || state.phase === 'greeting' || state.phase === 'live'
}

function connect(state: State): [State, Action[]] {
  return [{ ...state, phase: 'ticket' }, [...silence, { do: 'fetch_ticket', purpose: 'connect' }]]
}

/** Doubles from half a second to thirty, each with a random half of it, so that browsers do not come back as a herd. */
function retryLater(state: State, env: Env, givenMs?: number): [State, Action[]] {
  const attempts = state.attempts + 1
  const backoff = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(state.attempts, 10))
  const ms = givenMs === undefined ? backoff / 2 + (backoff / 2) * env.random : givenMs * (1 + 0.25 * env.random)
  const next: State = { ...state, phase: 'waiting', attempts, sparse: false, downSince: state.downSince ?? env.now }
  const wait: Action[] = state.online ? [{ do: 'set_timer', name: 'retry', ms: Math.round(ms) }] : []
  return [next, [...silence, { do: 'close' }, { do: 'forget_signals' }, ...wait]]
}

function timer(state: State, name: TimerName, env: Env): [State, Action[]] {
  switch (name) {
    case 'retry':
      return state.phase === 'waiting' ? connect(state) : [state, []]
    case 'welcome':
      return state.phase === 'opening' || state.phase === 'greeting' ? retryLater(state, env) : [state, []]
    case 'heartbeat':
      // The connection may be dead without anybody having told us. The answer is the same either way: come back.
      return state.phase === 'live' ? comeBack(state, env) : [state, []]
    case 'expiry':
      return state.phase === 'live' ? [state, [{ do: 'fetch_ticket', purpose: 'refresh' }]] : [state, []]
  }
}

function network(state: State, online: boolean, env: Env): [State, Action[]] {
  if (online === state.online) return [state, []]
  const next = { ...state, online }
  if (online) return state.phase === 'waiting' ? connect({ ...next, attempts: 0 }) : [next, []]
  return active(state) || state.phase === 'ticket' ? retryLater(next, env) : [next, [{ do: 'clear_timer', name: 'retry' }]]
}

/** Leaves a socket that cannot be trusted and opens another at once. */
function comeBack(state: State, env: Env): [State, Action[]] {
  const [next, actions] = connect({ ...state, downSince: state.downSince ?? env.now, sparse: false })
  return [next, [{ do: 'close' }, ...actions]]
}

function frame(state: State, received: ServerFrame, env: Env): [State, Action[]] {
  switch (received.type) {
    case 'welcome':
      return welcome(state, received)
    case 'event':
      return numbered(state, received.seq, env, { do: 'apply', event: received })
    case 'skip':
      return skip(state, received.seq)
    case 'signal':
      return state.phase === 'live' ? [state, [{ do: 'signal', signal: received }]] : [state, []]
    case 'ping':
      return ping(state, received.seq, env)
    case 'reload':
      return reload(state, received.position, env)
    case 'bye':
      return bye(state, received, env)
    default:
      // A newer server may say things this version does not know.
      return [state, []]
  }
}

function welcome(state: State, received: Extract<ServerFrame, { type: 'welcome' }>): [State, Action[]] {
  if (state.phase !== 'greeting') return [state, []]
  const { position, recovered } = received
  const resumed = recovered && state.position !== null && state.position.epoch === position.epoch
  const next: State = {
    ...state,
    phase: 'live',
    attempts: 0,
    downSince: null,
    heartbeatMs: received.heartbeat_s * 1000,
    staysMs: received.expires_in_s ? received.expires_in_s * 1000 : null,
    position: resumed ? state.position : position,
    head: position.seq,
  }
  const actions: Action[] = [{ do: 'clear_timer', name: 'welcome' }, beat(next), ...stay(next)]
  // What was read before the position was known may miss what happened in between.
  if (!resumed) actions.push({ do: 'reload' })
  if (next.viewing) actions.push(viewingFrame(next))
  return [next, actions]
}

function numbered(state: State, seq: number, env: Env, apply: Action): [State, Action[]] {
  const position = state.position
  if (state.phase !== 'live' || !position || seq <= position.seq) return [state, []]
  if (seq > position.seq + 1 && !state.sparse) {
    const repeated = state.jump?.after === position.seq && state.jump.next === seq
    if (!repeated) return comeBack({ ...state, jump: { after: position.seq, next: seq } }, env)
    state = { ...state, sparse: true }
  }
  const next = { ...state, jump: null, position: { ...position, seq }, head: Math.max(state.head, seq) }
  return [next, [apply, beat(next)]]
}

/** Numbers that this member's role does not get to see. */
function skip(state: State, seq: number): [State, Action[]] {
  const position = state.position
  if (state.phase !== 'live' || !position || seq <= position.seq) return [state, []]
  return [{ ...state, jump: null, position: { ...position, seq }, head: Math.max(state.head, seq) }, [beat(state)]]
}

function ping(state: State, seq: number, env: Env): [State, Action[]] {
  const position = state.position
  if (state.phase !== 'live' || !position) return [state, []]
  const pong: Action[] = [{ do: 'send', frame: { type: 'pong' } }, beat(state)]
  if (seq <= position.seq) return [state, pong]
  if (state.sparse) return [{ ...state, position: { ...position, seq }, head: Math.max(state.head, seq) }, pong]
  // Everything up to this number was sent before the ping, and some of it is not here.
  const repeated = state.jump?.after === position.seq
  if (!repeated) return comeBack({ ...state, jump: { after: position.seq, next: seq } }, env)
  return [{ ...state, sparse: true, jump: null, position: { ...position, seq }, head: Math.max(state.head, seq) }, pong]
}

function reload(state: State, position: Position | undefined, env: Env): [State, Action[]] {
  if (position) return [{ ...state, position, head: position.seq, jump: null }, [{ do: 'reload' }]]
  // Without a position to go on from, begin again from "now".
  const [next, actions] = comeBack({ ...state, position: null, jump: null }, env)
  return [next, actions]
}

function bye(state: State, received: Extract<ServerFrame, { type: 'bye' }>, env: Env): [State, Action[]] {
  if (received.reason === 'revoked') {
    return [
      { ...state, phase: 'stopped', downSince: env.now, revoked: true },
      [...silence, { do: 'close' }, { do: 'forget_signals' }, { do: 'revoked' }],
    ]
  }
  // An expired socket wants a new ticket, at once; the others say when to be back.
  return received.reason === 'expired' ? comeBack(state, env) : retryLater({ ...state, attempts: 0 }, env, received.retry_ms)
}

function viewingFrame(state: State): Action {
  return { do: 'send', frame: { type: 'viewing', conversation_id: state.viewing } }
}

/** A new ticket is fetched at four fifths of the old one's time. */
function stay(state: State): Action[] {
  return state.staysMs === null ? [] : [{ do: 'set_timer', name: 'expiry', ms: Math.min(state.staysMs * 0.8, 0x7fffffff) }]
}

/** Two heartbeats and a bit without any frame: the connection is dead. */
function beat(state: State): Action {
  return { do: 'set_timer', name: 'heartbeat', ms: state.heartbeatMs * 2 + 2_000 }
}

/** What the badge says. */
export type Badge =
  | { kind: 'live' }
  | { kind: 'connecting' }
  | { kind: 'catching_up'; behind: number }
  | { kind: 'offline'; since: number }

/** A blip shorter than this is not worth anybody's attention. */
const GRACE_MS = 1_500

export function badge(state: State, now: number): Badge {
  if (state.phase === 'live') {
    const behind = state.head - (state.position?.seq ?? state.head)
    return behind > 0 ? { kind: 'catching_up', behind } : { kind: 'live' }
  }
  const since = state.downSince ?? now
  if (!state.online || now - since > GRACE_MS) return { kind: 'offline', since }
  return state.position ? { kind: 'live' } : { kind: 'connecting' }
}
