// A WhatsApp chat that needs no WhatsApp: the newest conversation, with messages of every kind.
import { signIn, stranger } from './browser.mjs'

export const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()
export const MIA = { id: '019a6b1e-0000-7000-8000-300000000001', name: 'Mia' }

let made = 0

export function message(part) {
  made += 1
  return {
    id: `019a6b1e-0000-7000-8000-2${String(made).padStart(11, '0')}`,
    direction: 'in',
    author: 'contact',
    staff: null,
    sender: null,
    elsewhere: false,
    body: '',
    card: null,
    answers: null,
    reactions: [],
    edited_at: null,
    versions: [],
    deletion: null,
    state: 'received',
    failure: null,
    call_id: null,
    segments: null,
    attachments: [],
    draft_key: null,
    created_at: ago(60 - made),
    sent_at: null,
    ...part,
  }
}

function chat(conversation, me) {
  const ours = { direction: 'out', author: 'staff', state: 'read', staff: me }
  const asked = message({ body: 'Do you have the blue one in stock?', edited_at: ago(50), versions: [{ body: 'Do you have the blue one?', until: ago(51) }] })
  const file = (part) => ({ id: asked.id, kind: 'file', media_type: 'application/pdf', file_name: null, size_bytes: 184_000, duration_ms: null, state: 'stored', failure: null, url: '/api/v1/attachments/none', ...part })
  return [
    asked,
    message({ ...ours, body: 'Two left. Shall I keep one for you?', sent_at: ago(3), answers: { id: asked.id, direction: 'in', name: null, body: asked.body, file: null }, reactions: [{ emoji: '👍', ours: false, name: null, at: ago(2) }] }),
    message({ body: '📍 Harbour gate', card: { type: 'place', latitude: 52.5163, longitude: 13.3777, name: 'Harbour gate' } }),
    message({ body: '👤 Ben', card: { type: 'person', name: 'Ben Harper', phones: ['+15550107'] } }),
    message({ body: 'Never mind, wrong chat', deletion: { at: ago(20), by: 'contact', name: null } }),
    message({ ...ours, staff: null, body: 'I am at the gate already.', elsewhere: true, sent_at: ago(10) }),
    message({ body: '', attachments: [file({ file_name: 'Invoice 7.pdf' }), file({ kind: 'video', media_type: 'video/mp4', state: 'waiting' })] }),
    message({ body: 'And this', attachments: [file({ kind: 'image', state: 'failed', failure: { code: 'too_large', help: 'The file is larger than 64 MB. Ask the customer for a smaller one, or for a link to it.' } })] }),
  ].map((row) => ({ ...row, conversation_id: conversation.id }))
}

function cardOf({ location, contact }) {
  if (location) return { type: 'place', name: '', ...location }
  return contact ? { type: 'person', ...contact } : null
}

/** The newest conversation as a WhatsApp chat, with these messages; what is asked of them is noted. */
export async function asChat(page) {
  const asked = []
  let rows = null
  const chatty = (row) => ({ ...row, channel: 'whatsapp', inbox: { ...row.inbox, channel: 'whatsapp' } })
  await page.route(/\/api\/v1\/conversations\/[0-9a-f-]+$/, async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, json: chatty(await answer.json()) })
  })
  await page.route(/\/api\/v1\/conversations\?/, async (route) => {
    const answer = await route.fetch()
    const list = await answer.json()
    await route.fulfill({ response: answer, json: { ...list, items: list.items.map(chatty) } })
  })
  await page.route(/\/api\/v1\/whatsapp-sessions/, (route) => route.fulfill({ json: { items: [], next_cursor: null } }))
  await page.route(/\/api\/v1\/conversations\/[0-9a-f-]+\/messages/, async (route) => {
    const id = new URL(route.request().url()).pathname.split('/')[4]
    rows ??= chat({ id }, MIA)
    if (route.request().method() === 'GET') return route.fulfill({ json: { items: rows.toReversed(), next_cursor: null } })
    const draft = route.request().postDataJSON()
    asked.push(draft)
    const row = message({ direction: 'out', author: 'staff', staff: MIA, state: 'queued', body: draft.body, card: cardOf(draft), draft_key: draft.draft_key, conversation_id: id, created_at: ago(0) })
    rows.push(row)
    return route.fulfill({ status: 201, json: row })
  })
  await page.route(/\/api\/v1\/messages\/[0-9a-f-]+(\/reaction)?$/, (route) => {
    const request = route.request()
    const id = new URL(request.url()).pathname.split('/')[4]
    asked.push({ deed: request.method(), ...request.postDataJSON() })
    return route.fulfill({ json: rows.find((row) => row.id === id) })
  })
  return asked
}

export async function into(page) {
  const name = await stranger('Hello from the site')
  await signIn(page, { name: 'Mia' })
  await page.getByTestId('conversation-row').filter({ hasText: name }).first().click()
  await page.getByTestId('timeline').getByText('Two left').waitFor()
}
