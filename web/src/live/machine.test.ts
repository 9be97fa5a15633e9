// The live machine against a network that lies, repeats itself and goes away.
import { describe, expect, it } from 'vitest'
import { type Action, badge, hello, initial, type Input, type State, step } from './machine'
import type { Event, ServerFrame } from './protocol'

const EPOCH = 'e1'

class Client {
  state: State = initial
  now = 1_000_000
  random = 0.5
  applied: number[] = []
  reloads = 0
  last: Action[] = []

  feed(input: Input): Action[] {
    const [state, actions] = step(this.state, input, { now: this.now, random: this.random })
    this.state = state
    this.last = actions
    for (const action of actions) {
      if (action.do === 'apply') this.applied.push(action.event.seq)
      if (action.do === 'reload') this.reloads += 1
    }
    return actions
  }

  frame(frame: ServerFrame) {
    return this.feed({ on: 'frame', frame })
  }

  connect(seq: number, recovered = true) {
    if (this.state.phase === 'stopped') this.feed({ on: 'start' })
    if (this.state.phase === 'waiting') this.feed({ on: 'timer', name: 'retry' })
    this.feed({ on: 'ticket', ticket: 't' })
    this.feed({ on: 'opened' })
    this.frame({ type: 'welcome', position: { epoch: EPOCH, seq }, recovered, heartbeat_s: 25 })
    return this
  }

  event(seq: number) {
    return this.frame(event(seq))
  }
}

function event(seq: number): Event {
  return { type: 'event', seq, kind: 'agent_settings.updated', at: '2026-01-01T00:00:00Z', data: { version: seq } }
}

function does(actions: Action[], kind: Action['do']) {
  return actions.some((action) => action.do === kind)
}

describe('connecting', () => {
  it('asks for a ticket, opens, says hello and reads everything once when it has no position', () => {
    const client = new Client()
    expect(client.feed({ on: 'start' })).toContainEqual({ do: 'fetch_ticket', purpose: 'connect' })
    expect(client.feed({ on: 'ticket', ticket: 't1' })).toContainEqual({ do: 'open', ticket: 't1' })
    expect(hello(client.state, 't1')).toEqual({ type: 'hello', ticket: 't1' })
    client.feed({ on: 'opened' })
    client.frame({ type: 'welcome', position: { epoch: EPOCH, seq: 7 }, recovered: false, heartbeat_s: 25 })
    expect(client.state.phase).toBe('live')
    expect(client.state.position).toEqual({ epoch: EPOCH, seq: 7 })
    expect(client.reloads).toBe(1)
  })

  it('gives up on a socket that never says welcome', () => {
    const client = new Client()
    client.feed({ on: 'start' })
    client.feed({ on: 'ticket', ticket: 't' })
    expect(does(client.feed({ on: 'timer', name: 'welcome' }), 'close')).toBe(true)
    expect(client.state.phase).toBe('waiting')
  })

  it('backs off with jitter and never waits longer than thirty seconds', () => {
    const client = new Client()
    client.feed({ on: 'start' })
    const waits: number[] = []
    for (let n = 0; n < 12; n++) {
      const actions = client.feed({ on: 'ticket_refused' })
      const timer = actions.find((action) => action.do === 'set_timer')
      if (timer?.do === 'set_timer') waits.push(timer.ms)
      client.feed({ on: 'timer', name: 'retry' })
    }
    expect(waits[0]).toBe(375)
    expect(waits[1]).toBe(750)
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000)
    expect(client.state.attempts).toBe(12)
  })

  it('ignores frames, tickets and closings that belong to a connection it has left', () => {
    const client = new Client().connect(5)
    client.feed({ on: 'closed' })
    const before = client.state
    client.event(6)
    client.feed({ on: 'ticket', ticket: 'late' })
    client.feed({ on: 'closed' })
    expect(client.state).toEqual(before)
    expect(client.applied).toEqual([])
  })
})

describe('events', () => {
  it('applies in order, once', () => {
    const client = new Client().connect(5)
    for (const seq of [6, 7, 7, 6, 8]) client.event(seq)
    expect(client.applied).toEqual([6, 7, 8])
  })

  it('resumes with its position and needs no reload', () => {
    const client = new Client().connect(5)
    client.event(6)
    client.feed({ on: 'closed' })
    client.feed({ on: 'timer', name: 'retry' })
    client.feed({ on: 'ticket', ticket: 't2' })
    expect(hello(client.state, 't2')).toMatchObject({ position: { epoch: EPOCH, seq: 6 } })
    client.feed({ on: 'opened' })
    const reloads = client.reloads
    client.frame({ type: 'welcome', position: { epoch: EPOCH, seq: 9 }, recovered: true, heartbeat_s: 25 })
    expect(badge(client.state, client.now)).toEqual({ kind: 'catching_up', behind: 3 })
    for (const seq of [7, 8, 9, 10]) client.event(seq)
    expect(client.applied).toEqual([6, 7, 8, 9, 10])
    expect(client.reloads).toBe(reloads)
    expect(badge(client.state, client.now)).toEqual({ kind: 'live' })
  })

  it('reads everything again when the position could not be recovered, and goes on from the new one', () => {
    const client = new Client().connect(5)
    client.feed({ on: 'closed' })
    const reloads = client.reloads
    client.connect(900, false)
    expect(client.reloads).toBe(reloads + 1)
    client.event(901)
    expect(client.applied).toEqual([901])
  })

  it('does not trust a recovery into another epoch', () => {
    const client = new Client().connect(5)
    client.feed({ on: 'closed' })
    client.feed({ on: 'timer', name: 'retry' })
    client.feed({ on: 'ticket', ticket: 't' })
    client.feed({ on: 'opened' })
    const reloads = client.reloads
    client.frame({ type: 'welcome', position: { epoch: 'e2', seq: 2 }, recovered: true, heartbeat_s: 25 })
    expect(client.reloads).toBe(reloads + 1)
    expect(client.state.position).toEqual({ epoch: 'e2', seq: 2 })
  })

  it('comes back at once when a number is missing, and then gets what it missed', () => {
    const client = new Client().connect(5)
    const actions = client.event(8)
    expect(client.applied).toEqual([])
    expect(does(actions, 'close')).toBe(true)
    expect(does(actions, 'fetch_ticket')).toBe(true)
    client.connect(8)
    for (const seq of [6, 7, 8]) client.event(seq)
    expect(client.applied).toEqual([6, 7, 8])
    expect(client.state.sparse).toBe(false)
  })

  it('believes a jump that the server repeats when asked again', () => {
    const client = new Client().connect(5)
    client.event(8)
    client.connect(8)
    client.event(8)
    client.event(11)
    expect(client.applied).toEqual([8, 11])
    expect(client.state.phase).toBe('live')
  })

  it('moves over numbers that it is told are not for it', () => {
    const client = new Client().connect(5)
    client.frame({ type: 'skip', seq: 7 })
    client.event(8)
    expect(client.applied).toEqual([8])
  })

  it('takes a ping that is ahead for a lost event', () => {
    const client = new Client().connect(5)
    expect(client.frame({ type: 'ping', seq: 5 })).toContainEqual({ do: 'send', frame: { type: 'pong' } })
    expect(does(client.frame({ type: 'ping', seq: 6 }), 'close')).toBe(true)
    client.connect(6)
    client.event(6)
    expect(client.applied).toEqual([6])
    expect(client.state.jump).toBeNull()
  })

  it('starts from now when told to reload without a position', () => {
    const client = new Client().connect(5)
    client.frame({ type: 'reload' })
    expect(hello(client.state, 't')).toEqual({ type: 'hello', ticket: 't' })
    const reloads = client.reloads
    client.connect(50)
    expect(client.reloads).toBe(reloads + 1)
  })

  it('loses and doubles nothing over a thousand random cuts', () => {
    // A model server: a log of numbers, replayed from the hello's position; the network cuts, repeats and drops.
    let seed = 42
    const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648
    const client = new Client()
    client.connect(0)
    let log = 0
    for (let round = 0; round < 1000; round++) {
      const news = Math.floor(random() * 5)
      for (let n = 0; n < news; n++) {
        log += 1
        const fate = random()
        if (client.state.phase !== 'live') continue
        if (fate < 0.1) continue // lost on the way: only the numbers can show it
        client.event(log)
        if (fate > 0.9) client.event(log)
      }
      if (random() < 0.2) client.feed({ on: 'closed' })
      if (client.state.phase !== 'live') {
        client.connect(log)
        for (let seq = (client.state.position?.seq ?? 0) + 1; seq <= log; seq++) client.event(seq)
      }
    }
    client.frame({ type: 'ping', seq: log })
    if (client.state.phase !== 'live') {
      client.connect(log)
      for (let seq = (client.state.position?.seq ?? 0) + 1; seq <= log; seq++) client.event(seq)
    }
    expect(client.applied).toEqual(Array.from({ length: log }, (_, index) => index + 1))
  })
})

describe('leaving', () => {
  it('comes back when a drain said so, with its own spread', () => {
    const client = new Client().connect(5)
    const actions = client.frame({ type: 'bye', reason: 'drain', retry_ms: 4_000 })
    expect(actions).toContainEqual({ do: 'set_timer', name: 'retry', ms: 4_500 })
  })

  it('fetches a new ticket at once when it expired', () => {
    const client = new Client().connect(5)
    expect(does(client.frame({ type: 'bye', reason: 'expired' }), 'fetch_ticket')).toBe(true)
  })

  it('stays away when it was revoked', () => {
    const client = new Client().connect(5)
    expect(does(client.frame({ type: 'bye', reason: 'revoked' }), 'revoked')).toBe(true)
    expect(client.state.phase).toBe('stopped')
  })

  it('fetches another ticket before the socket’s time is over', () => {
    const client = new Client()
    client.feed({ on: 'start' })
    client.feed({ on: 'ticket', ticket: 't' })
    client.feed({ on: 'opened' })
    const actions = client.frame({ type: 'welcome', position: { epoch: EPOCH, seq: 1 }, recovered: false, heartbeat_s: 25, expires_in_s: 900 })
    expect(actions).toContainEqual({ do: 'set_timer', name: 'expiry', ms: 720_000 })
    expect(client.feed({ on: 'timer', name: 'expiry' })).toEqual([{ do: 'fetch_ticket', purpose: 'refresh' }])
    expect(client.feed({ on: 'refresh_ticket', ticket: 'r' })).toContainEqual({ do: 'set_timer', name: 'expiry', ms: 720_000 })
  })

  it('renews its stay on the same socket', () => {
    const client = new Client().connect(5)
    expect(client.feed({ on: 'renewed' })).toEqual([{ do: 'fetch_ticket', purpose: 'refresh' }])
    expect(client.feed({ on: 'refresh_ticket', ticket: 'r' })).toEqual([{ do: 'send', frame: { type: 'refresh', ticket: 'r' } }])
  })
})

describe('the network', () => {
  it('says offline at once when the browser knows, and tries at once when it is back', () => {
    const client = new Client().connect(5)
    client.feed({ on: 'network', online: false })
    expect(badge(client.state, client.now)).toEqual({ kind: 'offline', since: client.now })
    expect(does(client.last, 'set_timer')).toBe(false)
    expect(does(client.feed({ on: 'network', online: true }), 'fetch_ticket')).toBe(true)
  })

  it('does not flash offline over a blip', () => {
    const client = new Client().connect(5)
    client.feed({ on: 'closed' })
    expect(badge(client.state, client.now + 1_000)).toEqual({ kind: 'live' })
    expect(badge(client.state, client.now + 2_000)).toEqual({ kind: 'offline', since: client.now })
  })

  it('leaves a silent connection', () => {
    const client = new Client().connect(5)
    expect(does(client.feed({ on: 'timer', name: 'heartbeat' }), 'fetch_ticket')).toBe(true)
  })

  it('comes back after a sleep in which no timer ran', () => {
    const client = new Client().connect(5)
    client.now += 40_000
    expect(client.feed({ on: 'woken' })).toEqual([])
    client.now += 3_600_000
    expect(does(client.feed({ on: 'woken' }), 'fetch_ticket')).toBe(true)
  })

  it('says again which conversation is open after it came back', () => {
    const client = new Client().connect(5)
    client.feed({ on: 'viewing', conversationId: 'c1' })
    client.feed({ on: 'closed' })
    client.connect(5)
    expect(client.last).toContainEqual({ do: 'send', frame: { type: 'viewing', conversation_id: 'c1' } })
  })

  it('sends no more of a draft than the others need', () => {
    const client = new Client().connect(5)
    const actions = client.feed({ on: 'typing', conversationId: 'c1', draft: '🙂'.repeat(200) })
    const sent = actions[0]
    expect(sent?.do === 'send' && sent.frame.type === 'typing' && [...sent.frame.draft].length).toBe(140)
  })
})
