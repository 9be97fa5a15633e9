// A WhatsApp chat: what a message carries besides its words, what staff do to one, and files that go along.
import assert from 'node:assert/strict'
import { axe, eventually, looks, open, shoot, signIn, stranger } from '../browser.mjs'

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()
const MIA = { id: '019a6b1e-0000-7000-8000-300000000001', name: 'Mia' }

let made = 0

function message(part) {
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

/** The newest conversation as a WhatsApp chat, with these messages; what is asked of them is noted. */
async function asChat(page) {
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
    const row = message({ direction: 'out', author: 'staff', staff: MIA, state: 'queued', body: draft.body, draft_key: draft.draft_key, conversation_id: id, created_at: ago(0) })
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

async function into(page) {
  const name = await stranger('Hello from the site')
  await signIn(page, { name: 'Mia' })
  await page.getByTestId('conversation-row').filter({ hasText: name }).first().click()
  await page.getByTestId('timeline').getByText('Two left').waitFor()
}

test('chat: what a message carries is shown on it', async (browser) => {
  const page = await open(browser)
  await asChat(page)
  await into(page)
  const timeline = page.getByTestId('timeline')
  assert.equal(await timeline.getByTestId('quoted').first().innerText().then((text) => text.includes('blue one in stock')), true)
  await timeline.getByTestId('reactions').getByText('👍').first().waitFor()
  await timeline.getByTestId('place').getByText('Harbour gate').waitFor()
  await timeline.getByTestId('card').getByText('Ben Harper').waitFor()
  await timeline.getByTestId('elsewhere').waitFor()
  assert.equal(await timeline.getByText('Never mind').count(), 0, 'what was taken back is not shown at once')
  await timeline.getByTestId('deleted').getByRole('button').click()
  await timeline.getByText('Never mind').waitFor()
  await timeline.getByTestId('edited').click()
  await timeline.getByText('Do you have the blue one?', { exact: true }).waitFor()
  await timeline.getByText('Invoice 7.pdf').waitFor()
  await timeline.getByText('larger than 64 MB').waitFor()
  await shoot(page, 'chat-1440')
  assert.deepEqual(await axe(page), [])
  assert.deepEqual(page.faults, [])
})

test('chat: nothing in a chat is ever empty, however late what draws it comes', async (browser) => {
  const page = await open(browser)
  await asChat(page)
  let late
  const held = new Promise((resolve) => (late = resolve))
  await page.route(/\/assets\/(chat-parts|ContactPanel)-/, async (route) => {
    await held
    await route.continue()
  })
  // Every bubble that is drawn without a word or a picture in it, from the first frame on.
  await page.addInitScript(() => {
    globalThis.empty = []
    const look = () => {
      for (const message of document.querySelectorAll('[data-testid=message]')) {
        const bubble = message.querySelector('.text-base')
        if (bubble && !bubble.textContent.trim() && !bubble.querySelector('svg, img, .skeleton')) globalThis.empty.push(message.outerHTML)
      }
      requestAnimationFrame(look)
    }
    look()
  })
  const name = await stranger('Hello from the site')
  await signIn(page, { name: 'Mia' })
  await page.getByTestId('conversation-row').filter({ hasText: name }).first().click()
  await page.getByRole('textbox', { name: 'Reply' }).waitFor()
  await page.getByRole('status', { name: 'Loading' }).first().waitFor()
  await shoot(page, 'chat-late-1440')
  assert.equal(await page.getByTestId('message').count(), 0)
  late()
  await page.getByTestId('place').waitFor()
  await page.getByLabel('What the team knows').waitFor()
  assert.deepEqual(await page.evaluate(() => globalThis.empty), [])
  assert.deepEqual(page.faults, [])
})

test('chat: words are read even when what draws the rest cannot be had', async (browser) => {
  const page = await open(browser)
  await asChat(page)
  await page.route(/\/assets\/chat-parts-/, (route) => route.abort())
  await into(page)
  const timeline = page.getByTestId('timeline')
  await timeline.getByText('Do you have the blue one in stock?').waitFor()
  await timeline.getByText('Harbour gate').waitFor()
  assert.equal(await timeline.getByText('Never mind').count(), 0)
  assert.deepEqual(page.faults, [])
})

test('chat: staff react, answer, change and take back', async (browser) => {
  const page = await open(browser)
  const asked = await asChat(page)
  await into(page)
  const row = (text) => page.getByTestId('message').filter({ hasText: text }).first()
  const menu = async (text) => {
    await row(text).hover()
    await row(text).getByTestId('message-menu').click()
  }
  await menu('Do you have the blue one')
  await shoot(page, 'chat-menu-1440')
  await page.getByRole('menuitemcheckbox', { name: '❤️' }).click()
  await eventually('the sign is sent', () => asked.some((each) => each.deed === 'PUT' && each.emoji === '❤️'))
  await menu('Do you have the blue one')
  await page.getByRole('menuitem', { name: 'Reply to this' }).click()
  await page.getByTestId('about').getByText('blue one in stock').waitFor()
  const words = page.getByRole('textbox', { name: 'Reply' })
  await words.fill('Yes, two of them')
  await shoot(page, 'chat-answer-1440')
  await page.keyboard.press('Control+Enter')
  await eventually('it answers that message', () => asked.some((each) => each.body === 'Yes, two of them' && each.answers_id))
  assert.equal(await page.getByTestId('about').count(), 0)
  await words.fill('Half a thought')
  await menu('Two left')
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  assert.equal(await words.inputValue(), 'Two left. Shall I keep one for you?')
  await words.fill('Three left.')
  await page.keyboard.press('Control+Enter')
  await eventually('the words are changed', () => asked.some((each) => each.deed === 'PATCH' && each.body === 'Three left.'))
  assert.equal(await words.inputValue(), 'Half a thought', 'what was being written is still there')
  await menu('Two left')
  await page.getByRole('menuitem', { name: 'Delete for everybody' }).click()
  await eventually('it is taken back', () => asked.some((each) => each.deed === 'DELETE'))
  assert.deepEqual(page.faults, [])
})

test('chat: files are put in by choosing, and say why when they are not taken', async (browser) => {
  const page = await open(browser)
  const asked = await asChat(page)
  await into(page)
  const choose = async (files) => page.locator('input[type=file]').setInputFiles(files)
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')
  await choose([
    { name: 'prices.png', mimeType: 'image/png', buffer: png },
    { name: 'setup.exe', mimeType: 'application/x-msdownload', buffer: Buffer.from('MZ') },
  ])
  const files = page.getByTestId('files')
  await files.locator('[data-state=there]', { hasText: 'prices.png' }).waitFor()
  await files.locator('[data-state=refused]', { hasText: 'setup.exe' }).waitFor()
  await shoot(page, 'chat-files-1440')
  assert.deepEqual(await axe(page), [])
  assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true)
  await files.getByRole('button', { name: 'Remove setup.exe' }).click()
  await page.getByRole('textbox', { name: 'Reply' }).fill('Our prices')
  await page.getByRole('button', { name: 'Send' }).click()
  await eventually('the file goes with the words', () => asked.some((each) => each.body === 'Our prices' && each.upload_id))
  assert.deepEqual(page.faults.filter((fault) => !/422/.test(fault)), [])
})

test('chat: looks right in every look', async (browser) => {
  for (const look of looks) {
    const page = await open(browser, look)
    await asChat(page)
    await into(page)
    if (look.width === 1440) await page.locator('aside textarea').waitFor()
    await shoot(page, `chat-${look.name}`)
    assert.deepEqual(await axe(page), [])
    await page.context().close()
  }
})
