// Runs the live machine: the socket, the timers, the ticket requests; and hands what comes to the cache and the screens.
import type { QueryClient } from '@tanstack/react-query'
import { create } from 'zustand'
import { api, ApiError, body } from '@/api/client'
import { forget, onRenewed, useSession } from '@/api/session'
import { LiveCache, placeRow } from './cache'
import { type Action, hello, initial, type Input, type State, step, type TimerName } from './machine'
import { keys } from './patch'
import { type Event, type ServerFrame, SUBPROTOCOL } from './protocol'
import { endCall, forgetSignals, receive, settle, useSignals } from './signals'

/** The machine's state as the screens see it; written once per batch of events. */
export const useLive = create<State>(() => initial)

/** How often the wall clock is compared with itself to notice that the computer slept. */
const SLEEP_CHECK_MS = 5_000

export class LiveDriver {
  readonly cache: LiveCache
  private state = initial
  private socket: WebSocket | null = null
  private readonly timers = new Map<TimerName, ReturnType<typeof setTimeout>>()
  /** Events accepted and not yet on the screen: at most one frame's worth. */
  private queue: Event[] = []
  private flushing = false
  private wanted = new Set<string>()
  private readonly leave: (() => void)[] = []

  constructor(private readonly queries: QueryClient) {
    this.cache = new LiveCache(queries, (id) => this.want(id))
  }

  start(staffId: string) {
    this.cache.viewer.staffId = staffId
    this.feed({ on: 'network', online: navigator.onLine })
    const listen = (target: EventTarget, name: string, input: () => Input) => {
      const listener = () => this.feed(input())
      target.addEventListener(name, listener)
      this.leave.push(() => target.removeEventListener(name, listener))
    }
    listen(window, 'online', () => ({ on: 'network', online: true }))
    listen(window, 'offline', () => ({ on: 'network', online: false }))
    listen(document, 'visibilitychange', () => ({ on: 'woken' }))
    this.leave.push(onRenewed(() => this.feed({ on: 'renewed' })))
    let last = Date.now()
    const sleep = setInterval(() => {
      const now = Date.now()
      if (now - last > SLEEP_CHECK_MS * 3) this.feed({ on: 'woken' })
      last = now
    }, SLEEP_CHECK_MS)
    this.leave.push(() => clearInterval(sleep))
    this.feed({ on: 'start' })
  }

  stop() {
    for (const leave of this.leave.splice(0)) leave()
    this.feed({ on: 'stop' })
  }

  viewing(conversationId: string | null) {
    this.feed({ on: 'viewing', conversationId })
  }

  typing(conversationId: string, draft: string) {
    this.feed({ on: 'typing', conversationId, draft })
  }

  /** Shows a row that the API just gave wherever the conversation is shown. */
  place(conversation: Parameters<typeof placeRow>[2]) {
    placeRow(this.queries, this.cache.viewer, conversation)
  }

  private feed(input: Input) {
    const [state, actions] = step(this.state, input, { now: Date.now(), random: Math.random() })
    const changed = state !== this.state
    this.state = state
    for (const action of actions) this.act(action)
    if (changed && !this.flushing) useLive.setState(this.state, true)
  }

  private act(action: Action) {
    switch (action.do) {
      case 'fetch_ticket':
        return void this.fetchTicket(action.purpose)
      case 'open':
        return this.open(action.ticket)
      case 'send':
        if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(action.frame))
        return
      case 'close':
        return this.close()
      case 'apply':
        this.queue.push(action.event)
        return this.schedule()
      case 'signal':
        return receive(action.signal, Date.now())
      case 'reload':
        this.flush()
        this.cache.reload()
        return void this.readPresence()
      case 'forget_signals':
        return forgetSignals()
      case 'set_timer':
        clearTimeout(this.timers.get(action.name))
        this.timers.set(action.name, setTimeout(() => this.feed({ on: 'timer', name: action.name }), action.ms))
        return
      case 'clear_timer':
        return clearTimeout(this.timers.get(action.name))
      case 'revoked':
        return forget(true)
    }
  }

  private async fetchTicket(purpose: 'connect' | 'refresh') {
    try {
      const { ticket } = await body(api.POST('/api/v1/live/ticket'))
      this.feed(purpose === 'connect' ? { on: 'ticket', ticket } : { on: 'refresh_ticket', ticket })
    } catch (error) {
      const afterS = error instanceof ApiError ? error.retryAfterS : null
      if (purpose === 'connect') this.feed({ on: 'ticket_refused', retryMs: afterS === null ? undefined : afterS * 1000 })
    }
  }

  private open(ticket: string) {
    const url = new URL('/api/v1/live', location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(url, SUBPROTOCOL)
    this.socket = socket
    // A socket that was left may still speak: only the present one is listened to.
    const mine = (work: () => void) => () => this.socket === socket && work()
    socket.onopen = mine(() => {
      socket.send(JSON.stringify(hello(this.state, ticket)))
      this.feed({ on: 'opened' })
    })
    socket.onclose = mine(() => {
      this.socket = null
      this.feed({ on: 'closed' })
    })
    socket.onmessage = (message) => {
      if (this.socket !== socket) return
      const frame = parse(message.data)
      if (frame) this.feed({ on: 'frame', frame })
    }
  }

  private close() {
    const socket = this.socket
    this.socket = null
    socket?.close(1000)
  }

  /** Events reach the screen once per frame; a hidden page draws no frames, so a timer stands in. */
  private schedule() {
    if (this.flushing) return
    this.flushing = true
    const once = () => {
      cancelAnimationFrame(frame)
      clearTimeout(timer)
      this.flush()
    }
    const frame = requestAnimationFrame(once)
    const timer = setTimeout(once, 100)
  }

  private flush() {
    this.flushing = false
    const events = this.queue.splice(0)
    if (events.length > 0) this.cache.apply(events)
    for (const event of events) {
      if (event.kind === 'call.turn') settle(event.data.call_id, event.data.turn.speaker, event.data.turn.ordinal)
      if (event.kind === 'call.ended') endCall(event.data.call.id)
      if (event.kind === 'staff.updated') this.ownRecord(event.data.staff.id)
    }
    useLive.setState(this.state, true)
  }

  private ownRecord(staffId: string) {
    if (staffId === useSession.getState().me?.staff.id) void this.queries.invalidateQueries({ queryKey: ['me'] })
  }

  private async readPresence() {
    try {
      const { staff } = await body(api.GET('/api/v1/presence'))
      useSignals.setState({ online: Object.fromEntries(staff.map(({ id, name }) => [id, { id, name }])) })
    } catch {
      // Who else is here is a courtesy; the next signal brings it.
    }
  }

  /** Rows whose unread count only the server knows, read in one breath after a burst. */
  private want(id: string) {
    if (this.wanted.size === 0) setTimeout(() => void this.readWanted(), 250)
    this.wanted.add(id)
  }

  private async readWanted() {
    const ids = [...this.wanted]
    this.wanted.clear()
    // More than a screenful at once: the lists are read again instead of each row.
    if (ids.length > 20) return void this.queries.invalidateQueries({ queryKey: ['conversations'] })
    for (const id of ids) {
      try {
        const row = await body(api.GET('/api/v1/conversations/{id}', { params: { path: { id } } }))
        if (row.unread !== undefined) this.cache.viewer.seen.set(id, row.inbound_count - row.unread)
        this.place(row)
        if (!this.queries.getQueryData(keys.conversation(id))) this.queries.setQueryData(keys.conversation(id), row)
      } catch {
        // The row shows "something new" until it is opened.
      }
    }
  }
}

function parse(data: unknown): ServerFrame | null {
  try {
    return JSON.parse(String(data)) as ServerFrame
  } catch {
    return null
  }
}
