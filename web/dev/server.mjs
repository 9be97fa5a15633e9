// A stand-in for the server, for looking at the web app without one: in-memory data, the live socket, talking calls.
// Never part of a build. Run: node dev/server.mjs [port], then open the printed address.
import { createServer } from 'node:http'
import { existsSync, readFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { WebSocketServer } from 'ws'
import { people, sayings } from './people.mjs'

const port = Number(process.argv[2] ?? 5173)
const crowd = Number(process.env.CROWD ?? 0)
const dist = new URL('../dist/', import.meta.url)
const mimes = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', woff2: 'font/woff2' }

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()
const now = () => new Date().toISOString()
const EPOCH = randomUUID()

const staff = ['Dana Levi', 'Ben Ortiz', 'Mariam Haddad', 'Sam Lee'].map((name, n) => ({
  id: `0192-staff-${n}`,
  name,
  email: `${name.split(' ')[0].toLowerCase()}@northside.example`,
  role: ['owner', 'staff', 'admin', 'read_only'][n],
  disabled: false,
  created_at: ago(90_000),
}))
const meOf = (id) => ({ staff: { ...(staff.find((each) => each.id === id) ?? staff[0]), totp_enabled: false }, tenant: { id: 't1', slug: 'northside', name: 'Northside Dental', timezone: 'America/New_York', locale: 'en' } })
const whoBy = (request) => request.headers.authorization?.slice(7) || /demo=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]
const me = meOf(staff[0].id)
const person = (n) => ({ id: staff[n].id, name: staff[n].name })

const inboxes = [
  { id: 'ib1', channel: 'voice', address: '+15550100', name: 'Front desk', connection_id: 'cn1', settings: {}, disabled: false, created_at: ago(9000) },
  { id: 'ib2', channel: 'sms', address: '+15550101', name: 'Text line', connection_id: 'cn1', settings: {}, disabled: false, created_at: ago(9000) },
  { id: 'ib3', channel: 'form', address: 'frm_8s1kq2', name: 'Contact page', connection_id: null, settings: {}, disabled: false, created_at: ago(9000) },
]
const conversations = []
const messages = new Map()
const contacts = new Map()
const calls = []
const turns = new Map()
let settings = {
  name: 'Mia', agent: 'realtime', voice: 'marin', language: 'en', max_duration_s: 1800, silence_s: 20,
  greeting: 'Hello, this is Mia, the digital receptionist of Northside Dental. How can I help?',
  instructions: 'We are at 12 Harbour Street, parking behind the house. A check-up is 80 dollars. Never promise a time; take a message and say that somebody calls back today.',
  over_capacity: 'voicemail', outside_hours: 'voicemail', forward_to: null,
  hours: { timezone: 'America/New_York', days: ['mon', 'tue', 'wed', 'thu', 'fri'].map((day) => ({ day, from: '09:00', to: '17:00' })) },
  menu: [{ digit: '1', label: 'Appointments', action: 'message' }, { digit: '2', label: 'Emergency', action: 'transfer', transfer_to: '+15550142' }],
  transfer_targets: [{ name: 'Dr. Levi', number: '+15550142' }],
  tools: { take_message: true, transfer: true, send_sms: false, hang_up: true },
}
let settingsVersion = 1
const apiKeys = [{ id: 'k1', name: 'Booking site', role: 'staff', last_four: '9f2c', created_at: ago(60_000), last_used_at: ago(12) }]
const connections = [{ id: 'cn1', provider: 'twilio', account: 'AC00000000000000000000000000000001', created_at: ago(9000) }]

// The feed.
let seq = 1000
const log = []
const sockets = new Set()
const tickets = new Map()
function emit(kind, data) {
  const event = { type: 'event', seq: ++seq, kind, at: now(), data }
  log.push(event)
  for (const socket of sockets) socket.send(JSON.stringify(event))
}
function signal(kind, data, but) {
  for (const socket of sockets) if (socket !== but) socket.send(JSON.stringify({ type: 'signal', kind, ...data }))
}
const forFeed = (row) => ({ ...row, unread: undefined, seen: undefined })

function makeConversation(n, [name, address, channel, lines, extra]) {
  const inbox = inboxes.find((each) => each.channel === channel)
  const contact = { id: `ct${n}`, name, address }
  contacts.set(contact.id, {
    id: contact.id, name, language: null, about: extra?.about ?? '', created_at: ago(50_000),
    identities: [{ id: `id${n}`, kind: address.startsWith('+') ? 'phone' : 'mail', address, sms_opted_out: extra?.opted_out ?? false }],
  })
  const conversation = {
    id: `cv${n}`, contact, inbox: { id: inbox.id, name: inbox.name, channel, address: inbox.address }, channel,
    status: extra?.closed ? 'closed' : 'open', assignee: extra?.assignee === undefined ? null : person(extra.assignee), subject: null,
    last_message_at: ago(1), last_message_preview: '', last_message_direction: 'in', waiting_since: null,
    inbound_count: 0, message_count: 0, seen: 0, version: 1, created_at: ago(10_000),
  }
  conversations.push(conversation)
  messages.set(conversation.id, [])
  for (const [minutes, direction, body, more] of lines) addMessage(conversation, { direction, body, created_at: ago(minutes), ...more })
  conversation.seen = conversation.inbound_count - (extra?.unread ?? 0)
  return conversation
}

function addMessage(conversation, part) {
  const message = {
    id: randomUUID(), conversation_id: conversation.id, author: part.direction === 'in' ? 'contact' : 'staff',
    staff: part.direction === 'in' || part.author ? null : person(part.by ?? 0), state: part.direction === 'in' ? 'received' : 'delivered', failure: null, call_id: null,
    segments: null, attachments: [], draft_key: null, created_at: now(), sent_at: null, ...part,
  }
  delete message.by
  messages.get(conversation.id).unshift(message)
  Object.assign(conversation, {
    last_message_at: message.created_at, last_message_preview: message.body.slice(0, 120), last_message_direction: message.direction,
    message_count: conversation.message_count + 1, version: conversation.version + 1,
  })
  if (message.direction === 'in') {
    conversation.inbound_count += 1
    conversation.waiting_since ??= message.created_at
  } else if (message.direction === 'out') conversation.waiting_since = null
  return message
}
people(ago).forEach((each, n) => makeConversation(n, each))
for (let n = 0; n < crowd; n++) {
  makeConversation(1000 + n, [`Visitor ${n}`, `+1555${String(1000000 + n)}`, 'sms', [[60 + n, 'in', `Message number ${n}`]], { unread: n % 3 }])
}

// Calls.
function makeCall(part) {
  const call = {
    id: randomUUID(), source: 'twilio', direction: 'in', from_address: '+15550119', to_address: '+15550100', contact: null, conversation_id: null,
    inbox: { id: 'ib1', name: 'Front desk' }, state: 'ended', agent: 'realtime', outcome: 'caller_hung_up', fallback: null, summary: null,
    started_at: ago(60), answered_at: ago(60), ended_at: ago(57), duration_ms: 184_000, version: 1, ...part,
  }
  calls.unshift(call)
  turns.set(call.id, [])
  return call
}
function makeTurn(call, speaker, text, part = {}) {
  const list = turns.get(call.id)
  const start = part.started_ms ?? (call.state === 'live' ? Date.now() - Date.parse(call.answered_at) - 2000 : (list.at(-1)?.ended_ms ?? 0) + 700)
  const turn = { id: randomUUID(), ordinal: list.length, speaker, text, unheard: '', interrupted: false, started_ms: start, ended_ms: start + text.length * 60, latency_ms: speaker === 'agent' ? 480 + ((list.length * 137) % 700) : null, ...part }
  list.push(turn)
  return turn
}
const old = makeCall({ contact: { id: 'ct0', name: 'Noa Friedman' }, conversation_id: 'cv0', from_address: '+15550123', summary: 'Wants to move Thursday’s cleaning to next week. A message was taken; call back after 15:00.' })
for (const [speaker, text, more] of sayings) makeTurn(old, speaker, text, more)
old.duration_ms = turns.get(old.id).at(-1).ended_ms
addMessage(conversations[0], { direction: 'in', author: 'agent', staff: null, body: old.summary, call_id: old.id, created_at: ago(56), attachments: [{ id: 'at1', kind: 'recording', media_type: 'audio/wav', size_bytes: 32_044, duration_ms: 4_000, url: '/api/v1/attachments/at1' }] })
messages.get('cv0').sort((a, b) => (a.created_at < b.created_at ? 1 : -1))
Object.assign(conversations[0], { last_message_at: messages.get('cv0')[0].created_at, last_message_preview: messages.get('cv0')[0].body, last_message_direction: 'in' })
makeCall({ from_address: '+15550177', outcome: 'agent_hung_up', summary: 'Asked for opening hours on Saturday.', started_at: ago(190), answered_at: ago(190), duration_ms: 61_000 })
makeCall({ from_address: '+15550188', outcome: 'transferred', agent: 'receptionist', started_at: ago(1500), duration_ms: 44_000, summary: null })
makeCall({ state: 'not_taken', outcome: 'outside_hours', fallback: 'voicemail', agent: null, answered_at: null, duration_ms: null, from_address: '+15550190', started_at: ago(700) })
makeCall({ state: 'not_taken', outcome: 'over_capacity', fallback: 'forward', agent: null, answered_at: null, duration_ms: null, from_address: '+15550191', started_at: ago(2000) })

function liveCall(part) {
  const call = makeCall({ state: 'live', outcome: null, started_at: now(), answered_at: now(), ended_at: null, duration_ms: null, ...part })
  emit('call.started', { call })
  return call
}
function talk(call) {
  let n = 0
  let word = 0
  const speak = setInterval(() => {
    if (call.state !== 'live') return clearInterval(speak)
    const [speaker, text, more] = sayings[n % sayings.length]
    const words = text.split(' ')
    word += 1
    const caller = speaker === 'caller' ? 0.4 + Math.random() * 0.5 : 0.04
    const agent = speaker === 'agent' ? 0.4 + Math.random() * 0.5 : 0.02
    signal('call.level', { call_id: call.id, caller, agent })
    if (word % 3 === 0 && speaker !== 'tool') signal('call.partial', { call_id: call.id, speaker, text: words.slice(0, word / 3).join(' '), turn_ordinal: turns.get(call.id).length })
    if (word / 3 > words.length + 1) {
      emit('call.turn', { call_id: call.id, turn: makeTurn(call, speaker, text, more) })
      n += 1
      word = 0
    }
  }, 100)
}
talk(liveCall({ contact: { id: 'ct1', name: 'Omar Aziz' }, from_address: '+15550134', started_at: ago(2), answered_at: ago(2) }))
talk(liveCall({ from_address: '+15550150', started_at: ago(0.4), answered_at: ago(0.4) }))

function endCall(call, outcome) {
  Object.assign(call, { state: 'ended', outcome, ended_at: now(), duration_ms: Date.now() - Date.parse(call.answered_at), version: call.version + 1 })
  emit('call.ended', { call })
}

// REST.
const page = (items, query, size = 50) => {
  const limit = Number(query.get('limit') ?? size)
  const from = Number(query.get('cursor') ?? 0)
  return { items: items.slice(from, from + limit), next_cursor: from + limit < items.length ? String(from + limit) : null }
}
const problem = (status, code, detail) => ({ status, body: { type: `https://switchboard.invalid/problems/${code}`, title: code, status, code, detail } })
const ok = (body, status = 200, headers = {}) => ({ status, body, headers })
const rest = ({ seen, ...row }) => ({ ...row, unread: row.inbound_count - seen })
const sorted = () => conversations.toSorted((a, b) => (a.last_message_at < b.last_message_at ? 1 : -1))

const routes = {
  'POST auth/login': (_, body) => {
    if (body.password !== 'correct horse battery') return problem(401, 'bad_credentials', 'Wrong.')
    if (body.email.startsWith('totp') && body.totp !== '123456') return problem(401, 'totp_required', 'A code is needed.')
    return session(staff[0].id)
  },
  'POST auth/link': (_, body) => (body.token === 'demo' ? session(staff[0].id) : staff.some((each) => each.id === body.token) ? session(body.token) : problem(401, 'bad_credentials', 'Used.')),
  'POST auth/refresh': (_, __, ___, request) => (/demo=./.test(request.headers.cookie ?? '') ? session(whoBy({ headers: { cookie: request.headers.cookie } })) : problem(401, 'signed_out', 'No session.')),
  'POST auth/logout': () => ok(null, 204, { 'set-cookie': 'demo=; Max-Age=0; Path=/' }),
  'GET me': (_, __, ___, request) => ok(meOf(whoBy(request))),
  'POST me/totp': () => ok({ secret: 'JBSWY3DPEHPK3PXP', otpauth_url: 'otpauth://totp/x' }),
  'POST me/totp/confirm': () => ok({ recovery_codes: ['k3f9-22aa', '91mm-p0q2', 'zz81-77xy', 'b2b2-c3c3'] }),
  'POST me/totp/disable': () => ok(null, 204),
  'POST me/password': (_, body) => (body.current === 'correct horse battery' ? ok(null, 204) : problem(422, 'bad_credentials', 'The current password is not right.')),
  'GET staff': (query) => ok(page(staff, query)),
  'POST staff': (_, body) => {
    const row = { id: randomUUID(), disabled: false, created_at: now(), ...body }
    staff.push(row)
    return ok({ staff: row, sign_in_link: `/sign-in#link=${row.id}` }, 201)
  },
  'PATCH staff/:id': (_, body, id) => ok(Object.assign(staff.find((each) => each.id === id), body)),
  'GET api-keys': (query) => ok(page(apiKeys, query)),
  'POST api-keys': (_, body) => {
    const api_key = { id: randomUUID(), last_four: 'ab12', created_at: now(), last_used_at: null, ...body }
    apiKeys.push(api_key)
    return ok({ api_key, secret: `sbk_${randomUUID().replaceAll('-', '')}ab12` }, 201)
  },
  'DELETE api-keys/:id': (_, __, id) => (apiKeys.splice(apiKeys.findIndex((each) => each.id === id), 1), ok(null, 204)),
  'GET connections': (query) => ok(page(connections, query)),
  'GET inboxes': (query) => ok(page(inboxes, query)),
  'POST inboxes': (_, body) => {
    const row = { id: randomUUID(), address: 'frm_new', connection_id: null, settings: {}, disabled: false, created_at: now(), ...body }
    inboxes.push(row)
    return ok(row, 201)
  },
  'GET whatsapp-sessions': (query) => ok(page([], query)),
  'PATCH inboxes/:id': (_, body, id) => ok(Object.assign(inboxes.find((each) => each.id === id), body)),
  'GET contacts/:id': (_, __, id) => ok(contacts.get(id)),
  'PATCH contacts/:id': (_, body, id) => {
    const contact = Object.assign(contacts.get(id), body)
    for (const row of conversations) if (row.contact.id === id) row.contact.name = contact.name
    emit('contact.updated', { contact })
    return ok(contact)
  },
  'GET conversations/counts': (_, __, ___, request) => {
    const open = conversations.filter((row) => row.status === 'open')
    return ok({ open: open.length, mine: open.filter((row) => row.assignee?.id === whoBy(request)).length, unassigned: open.filter((row) => !row.assignee).length, closed: conversations.length - open.length })
  },
  'GET conversations': (query, _, __, request) => {
    const assignee = query.get('assignee')
    const rows = sorted().filter(
      (row) =>
        (!query.get('status') || row.status === query.get('status')) &&
        (!query.get('channel') || row.channel === query.get('channel')) &&
        (!assignee || (assignee === 'none' ? !row.assignee : row.assignee?.id === (assignee === 'me' ? whoBy(request) : assignee))),
    )
    return ok(page(rows.map(rest), query))
  },
  'GET conversations/:id': (_, __, id) => {
    const row = conversations.find((each) => each.id === id)
    return row ? ok(rest(row)) : problem(404, 'not_found', 'Unknown.')
  },
  'PATCH conversations/:id': (_, body, id, request) => {
    const row = conversations.find((each) => each.id === id)
    const match = request.headers['if-match']
    if (match && match !== `"${row.version}"`) return problem(412, 'stale', 'Changed meanwhile.')
    if (body.status) row.status = body.status
    if ('assignee_id' in body) row.assignee = body.assignee_id ? staff.filter((each) => each.id === body.assignee_id).map(({ id, name }) => ({ id, name }))[0] : null
    row.version += 1
    emit('conversation.updated', { conversation: forFeed(row) })
    return ok(rest(row))
  },
  'POST conversations/:id/seen': (_, __, id, request) => {
    const row = conversations.find((each) => each.id === id)
    row.seen = row.inbound_count
    emit('conversation.seen', { conversation_id: id, staff_id: whoBy(request), seen_count: row.seen })
    return ok(null, 204)
  },
  'GET conversations/:id/messages': (query, _, id) => ok(page(messages.get(id) ?? [], query)),
  'POST conversations/:id/messages': (_, body, id, request) => {
    const row = conversations.find((each) => each.id === id)
    const before = messages.get(id).find((each) => each.draft_key === body.draft_key)
    if (before) return ok(before)
    if (body.body.includes('refuse')) return problem(422, 'opted_out', 'Opted out.')
    const message = addMessage(row, { direction: body.kind === 'note' ? 'note' : 'out', body: body.body, by: staff.findIndex((each) => each.id === whoBy(request)), draft_key: body.draft_key, state: body.kind === 'note' ? 'sent' : 'queued' })
    if (row.status === 'closed') row.status = 'open'
    emit('message.created', { message: { ...message }, conversation: forFeed(row) })
    const states = body.body.includes('fail') ? ['sending', 'failed'] : ['sending', 'sent', 'delivered', 'read']
    if (body.kind !== 'note') {
      states.forEach((state, n) =>
        setTimeout(() => {
          message.state = state
          if (state === 'failed') message.failure = { code: '30003', help: 'The phone is switched off or out of reach. Try again later, or call.' }
          emit('message.updated', { message: { ...message } })
        }, 500 * (n + 1)),
      )
    }
    return ok(message, 201)
  },
  'POST messages/:id/retry': (_, __, id) => {
    const message = [...messages.values()].flat().find((each) => each.id === id)
    Object.assign(message, { state: 'queued', failure: null })
    emit('message.updated', { message: { ...message } })
    return ok(message)
  },
  'GET attachments/:id': () => ({ status: 200, raw: tone(), headers: { 'content-type': 'audio/wav' } }),
  'GET calls': (query) => {
    const state = query.get('state')
    return ok(page(calls.toSorted((a, b) => (a.started_at < b.started_at ? 1 : -1)).filter((call) => !state || call.state === state || (state === 'live' && call.state === 'ringing')), query))
  },
  'GET calls/:id': (_, __, id) => {
    const call = calls.find((each) => each.id === id)
    return call ? ok(call) : problem(404, 'not_found', 'Unknown.')
  },
  'GET calls/:id/turns': (_, __, id) => ok({ items: turns.get(id) ?? [] }),
  'POST calls/:id/hang-up': (_, __, id) => (endCall(calls.find((each) => each.id === id), 'staff_hung_up'), ok(null, 202)),
  'POST calls/:id/audio-ticket': (_, __, id) => ok({ ticket: ticket(), url: `/api/v1/calls/${id}/audio` }),
  'POST phone-calls': () => {
    const call = makeCall({ source: 'phone', from_address: 'browser', state: 'ringing', outcome: null, started_at: now(), answered_at: null, ended_at: null, duration_ms: null, contact: { id: 'phone', name: me.staff.name } })
    emit('call.started', { call })
    return ok({ call_id: call.id, token: call.id, url: `/media/phone/${call.id}` }, 201)
  },
  'GET agent-settings': () => ok(settings, 200, { etag: `"${settingsVersion}"` }),
  'PUT agent-settings': (_, body, __, request) => {
    if (request.headers['if-match'] && request.headers['if-match'] !== `"${settingsVersion}"`) return problem(412, 'stale', 'Changed.')
    settings = body
    settingsVersion += 1
    emit('agent_settings.updated', { version: settingsVersion })
    return ok(settings, 200, { etag: `"${settingsVersion}"` })
  },
  'POST live/ticket': (_, __, ___, request) => ok({ ticket: ticket(whoBy(request)), expires_in_s: 30 }),
  'GET presence': () => ok({ staff: [0, 1, 2].map((n) => ({ ...person(n), state: 'online' })) }),
  // Only here: what a test makes happen.
  'POST _/sms': (_, body) => {
    const row = conversations.find((each) => each.id === body.conversation_id)
    const message = addMessage(row, { direction: 'in', body: body.body })
    row.status = 'open'
    emit('message.created', { message: { ...message }, conversation: forFeed(row) })
    return ok(message)
  },
  'POST _/signal': (_, body) => (signal(body.kind, body), ok({})),
  'POST _/cut': () => {
    for (const socket of sockets) socket.terminate()
    return ok({})
  },
  'POST _/storm': (_, body) => {
    let left = body.count
    const timer = setInterval(() => {
      const row = conversations[Math.floor(Math.random() * conversations.length)]
      const message = addMessage(row, { direction: 'in', body: `Storm ${left}` })
      emit('message.created', { message: { ...message }, conversation: forFeed(row) })
      if (--left <= 0) clearInterval(timer)
    }, 1000 / body.per_second)
    return ok({})
  },
}
function session(id) {
  return ok({ access_token: id, expires_in_s: 900, staff: meOf(id) }, 200, { 'set-cookie': `demo=${id}; Path=/; HttpOnly` })
}
function ticket(id) {
  const made = randomUUID()
  tickets.set(made, id)
  return made
}
function tone() {
  const samples = 8000 * 4
  const wav = Buffer.alloc(44 + samples)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(36 + samples, 4)
  wav.write('WAVEfmt ', 8)
  for (const [at, value] of [[16, 16], [24, 8000], [28, 8000], [40, samples]]) wav.writeUInt32LE(value, at)
  for (const [at, value] of [[20, 1], [22, 1], [32, 1], [34, 8]]) wav.writeUInt16LE(value, at)
  wav.write('data', 36)
  for (let n = 0; n < samples; n++) wav[44 + n] = 128 + 60 * Math.sin(n / 6) * Math.abs(Math.sin(n / 2000))
  return wav
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://x')
  let text = ''
  for await (const part of request) text += part
  if (url.pathname.startsWith('/forms/')) return fillIn(new URLSearchParams(text), response)
  if (!url.pathname.startsWith('/api/v1/')) return serveFile(url.pathname, response)
  const parts = url.pathname.slice(8).split('/')
  const direct = routes[`${request.method} ${parts.join('/')}`]
  const handler = direct ?? routes[`${request.method} ${[parts[0], ':id', ...parts.slice(2)].join('/')}`]
  await new Promise((wait) => setTimeout(wait, Number(process.env.DELAY ?? 40)))
  const signedIn = parts[0] === 'auth' || parts[0] === '_' || request.headers.authorization
  const answer = !signedIn ? problem(401, 'signed_out', 'Sign in.') : handler ? handler(url.searchParams, text ? JSON.parse(text) : {}, parts[1], request) : problem(404, 'not_found', 'No such path.')
  response.writeHead(answer.status, { 'content-type': answer.status >= 400 ? 'application/problem+json' : 'application/json', ...answer.headers })
  response.end(answer.raw ?? (answer.body === null ? undefined : JSON.stringify(answer.body)))
})

function fillIn(answers, response) {
  const conversation = makeConversation(randomUUID(), [answers.get('name'), answers.get('phone'), 'form', []])
  const message = addMessage(conversation, { direction: 'in', body: answers.get('message') })
  emit('message.created', { message, conversation: forFeed(conversation) })
  response.end('{}')
}

function serveFile(path, response) {
  const file = new URL(`.${path}`, dist)
  const found = path !== '/' && existsSync(file) ? file : new URL('index.html', dist)
  response.writeHead(200, { 'content-type': mimes[found.pathname.split('.').pop()] ?? 'text/plain' })
  response.end(readFileSync(found))
}

const sound = new WebSocketServer({ noServer: true })
const live = new WebSocketServer({ noServer: true, handleProtocols: () => 'switchboard.v1' })
const audio = new WebSocketServer({ noServer: true, handleProtocols: () => 'switchboard.audio.v1' })
server.on('upgrade', (request, socket, head) => {
  const path = request.url
  if (path === '/api/v1/live') live.handleUpgrade(request, socket, head, onLive)
  else if (path.endsWith('/audio')) audio.handleUpgrade(request, socket, head, (ws) => onAudio(ws, path.split('/')[4]))
  else if (path.startsWith('/media/phone/')) sound.handleUpgrade(request, socket, head, (ws) => onPhone(ws, path.split('/')[3]))
  else socket.destroy()
})

function onLive(socket) {
  socket.on('message', (data) => {
    const frame = JSON.parse(data)
    const who = { id: socket.who, name: staff.find((each) => each.id === socket.who)?.name }
    if (frame.type === 'typing') return signal('typing', { conversation_id: frame.conversation_id, staff: who, draft: frame.draft }, socket)
    if (frame.type === 'viewing') {
      if (socket.viewing) signal('viewing', { conversation_id: socket.viewing, staff: who, viewing: false }, socket)
      socket.viewing = frame.conversation_id
      if (socket.viewing) signal('viewing', { conversation_id: socket.viewing, staff: who, viewing: true }, socket)
    }
    if (frame.type !== 'hello') return
    socket.who = tickets.get(frame.ticket)
    if (!tickets.delete(frame.ticket)) return socket.close()
    const position = frame.position
    const recovered = position?.epoch === EPOCH
    socket.send(JSON.stringify({ type: 'welcome', position: { epoch: EPOCH, seq }, recovered, heartbeat_s: 5 }))
    if (recovered) for (const event of log) if (event.seq > position.seq) socket.send(JSON.stringify(event))
    sockets.add(socket)
  })
  const beat = setInterval(() => socket.send(JSON.stringify({ type: 'ping', seq })), 5000)
  socket.on('close', () => {
    sockets.delete(socket)
    clearInterval(beat)
  })
}

function mulaw(sample) {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(Math.abs(sample), 32635) + 132
  let exponent = 7
  for (let mask = 0x4000; exponent > 0 && !(magnitude & mask); mask >>= 1) exponent--
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 15)) & 255
}
const frameOf = (hertz, n) => Buffer.from(Array.from({ length: 160 }, (_, k) => mulaw(6000 * Math.sin((2 * Math.PI * hertz * (n * 160 + k)) / 8000))))

function onAudio(socket, id) {
  let n = 0
  let timer
  socket.on('message', () => {
    socket.send(JSON.stringify({ type: 'welcome', sample_rate: 8000, encoding: 'mulaw' }))
    timer = setInterval(() => {
      for (const track of [0, 1]) {
        const head = Buffer.alloc(5)
        head[0] = track
        head.writeUInt32BE(n, 1)
        socket.send(Buffer.concat([head, frameOf(track ? 440 : 220, n)]))
      }
      n += 1
      const call = calls.find((each) => each.id === id)
      if (call?.state === 'live') return
      clearInterval(timer)
      socket.send(JSON.stringify({ type: 'bye', reason: 'ended' }))
      socket.close()
    }, 20)
  })
  socket.on('close', () => clearInterval(timer))
}

function onPhone(socket, id) {
  const call = calls.find((each) => each.id === id)
  const heard = []
  socket.on('message', (data) => {
    const frame = JSON.parse(data)
    if (frame.event !== 'media') heard.push(frame.event)
    if (frame.event === 'start') {
      Object.assign(call, { state: 'live', answered_at: now(), version: call.version + 1 })
      emit('call.updated', { call })
      for (let n = 0; n < 100; n++) socket.send(JSON.stringify({ event: 'media', streamSid: frame.streamSid, media: { payload: frameOf(330, n).toString('base64') } }))
      socket.send(JSON.stringify({ event: 'mark', streamSid: frame.streamSid, mark: { name: 'greeting' } }))
      emit('call.turn', { call_id: id, turn: makeTurn(call, 'agent', settings.greeting, { started_ms: 400 }) })
    }
    if (frame.event === 'dtmf') emit('call.turn', { call_id: id, turn: makeTurn(call, 'tool', `Key ${frame.dtmf.digit}`) })
    if (frame.event === 'stop' && call.state === 'live') endCall(call, 'caller_hung_up')
  })
  socket.on('close', () => {
    if (call.state === 'live') endCall(call, 'caller_hung_up')
  })
}

server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}/sign-in#link=demo`))
