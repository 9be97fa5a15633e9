// WhatsApp numbers: linked by QR and by code, in trouble, paused, unlinked; and what staff see of it.
import assert from 'node:assert/strict'
import { asOwner, axe, eventually, looks, open, shoot, signIn, stranger, url } from '../browser.mjs'

const PAGE = `${url}/settings/channels/whatsapp`
const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()

let made = 0

/** As the server reckons it: since so many minutes, until so many (negative: to come). */
const health = (state, since, until = null) => ({
  health: { state, since: since === null ? null : ago(since), until: until === null ? null : ago(until) },
})

function session(name, part = {}) {
  made += 1
  return {
    id: `019a6b1e-0000-7000-8000-${String(made).padStart(12, '0')}`,
    inbox_id: `019a6b1e-0000-7000-8000-1${String(made).padStart(11, '0')}`,
    name,
    desired: 'running',
    observed: 'connected',
    reason: null,
    observed_at: ago(300),
    next_attempt_at: null,
    phone: '+15550147',
    push_name: 'Harbour Bikes',
    paired_at: ago(9_000),
    connected_at: ago(300),
    heard_at: ago(0.2),
    received_at: ago(4),
    paused_until: null,
    pause_reason: null,
    pause_scope: null,
    new_chats_today: 3,
    new_chats_limit: 12,
    health: { state: 'ok', since: ago(300), until: null },
    groups: false,
    worker: 'shard-worker-7c9f5d8b64-x2mzq',
    created_at: ago(10_000),
    ...part,
  }
}

/** One number in each state. Reaching some of them takes WhatsApp's anger or days, so they are made here. */
const STATES = () => [
  session('Front desk'),
  session('Workshop', { heard_at: ago(11.5), new_chats_today: 0, ...health('silent', 11.5) }),
  session('Sales', { paused_until: ago(-90), pause_reason: 'too_fast', pause_scope: 'all', ...health('paused', null, -90) }),
  session('Old phone', { observed: 'logged_out', connected_at: null, ...health('needs_you', 300) }),
  session('Night line', { observed: 'banned', reason: 'too_many_strangers', next_attempt_at: ago(-1_400), connected_at: null, ...health('needs_you', 300, -1_400) }),
  session('Second shop', { observed: 'replaced', connected_at: null, ...health('needs_you', 300) }),
  session('Branch', { observed: 'waiting', next_attempt_at: ago(-2), connected_at: null, ...health('reconnecting', 2, -2) }),
  session('Museum', { observed: 'outdated', connected_at: null, ...health('needs_you', 300) }),
  session('Garage', { observed: 'failed', reason: 'device_rejected', connected_at: null, ...health('needs_you', 300) }),
  session('Owner’s own', { observed: 'passkey_needed', phone: null, push_name: null, connected_at: null, heard_at: null, received_at: null, worker: null, ...health('needs_you', 300) }),
  session('Holidays', { desired: 'stopped', observed: 'stopped', connected_at: null, ...health('resting', 300) }),
  session('New one', { desired: 'stopped', observed: 'new', phone: null, push_name: null, connected_at: null, heard_at: null, received_at: null, worker: null, ...health('resting', 300) }),
  session('Counter', health('stuck', 4.5)),
  session('Young number', { new_chats_today: 5, new_chats_limit: 5, paused_until: ago(-700), pause_reason: 'reachout_locked', pause_scope: 'new_chats', ...health('paused', null, -700) }),
  session('Cellar', { observed: 'waiting', next_attempt_at: ago(-9), connected_at: null, ...health('reconnecting', 42.5, -9) }),
]

/** A server with these sessions; what it is asked to do is noted. */
async function having(page, sessions) {
  const asked = []
  await page.route(/\/api\/v1\/whatsapp-sessions/, (route) => {
    const request = route.request()
    const path = new URL(request.url()).pathname.replace('/api/v1/whatsapp-sessions', '')
    if (request.method() === 'GET') return route.fulfill({ json: { items: sessions, next_cursor: null } })
    const row = sessions.find((each) => path.includes(each.id))
    asked.push(`${request.method()} ${row?.name}${path.replace(`/${row?.id}`, '')} ${request.postData() ?? ''}`.trim())
    if (path.endsWith('/unlink')) row.desired = 'unlinked'
    else Object.assign(row, request.postDataJSON())
    return route.fulfill({ json: row })
  })
  return asked
}

/** Pairing streams are answered by the test, word for word: `say(page, …)`. */
async function scripted(page) {
  await page.addInitScript(() => {
    const real = globalThis.fetch
    globalThis.wishes = []
    globalThis.fetch = (input, init) => {
      const address = typeof input === 'string' ? input : input.url
      if (!address.endsWith('/pairing')) return real(input, init)
      globalThis.wishes.push(JSON.parse(init.body))
      const body = new ReadableStream({
        start(stream) {
          const text = new TextEncoder()
          globalThis.sayToPage = (news) => stream.enqueue(text.encode(`event: ${news.type}\ndata: ${JSON.stringify(news)}\n\n`))
          globalThis.hangUp = () => stream.close()
          init.signal?.addEventListener('abort', () => stream.error(init.signal.reason))
        },
      })
      return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
    }
  })
}

const say = (page, news) => page.evaluate((it) => globalThis.sayToPage(it), news)
const stage = (page, name) => page.locator(`[data-testid=linking][data-stage=${name}]`).waitFor()
/** As long and as dense as WhatsApp's own. */
const qr = (n) => ({ type: 'qr', code: `2@${String(n).repeat(40)}abcdefghijklmnopqrstuvwxyz,${'QkFTRTY0'.repeat(16)},${'QUJD'.repeat(11)}`, expires_in_s: 20 })
const card = (page, name) => page.getByTestId('session').filter({ has: page.getByRole('heading', { name, exact: true }) })

async function unlinked(page) {
  const row = session('Front desk', { desired: 'stopped', observed: 'new', phone: null, push_name: null, connected_at: null, heard_at: null, received_at: null })
  const asked = await having(page, [row])
  await scripted(page)
  return asked
}

test('whatsapp: a number is linked by a QR that is renewed', async (browser) => {
  const page = await open(browser)
  await unlinked(page)
  await signIn(page)
  await page.goto(PAGE)
  await card(page, 'Front desk').getByRole('button', { name: 'Link', exact: true }).click()
  await stage(page, 'asking')
  await say(page, qr(1))
  await page.getByRole('img', { name: 'QR code to be scanned with WhatsApp' }).waitFor()
  await page.getByText(/A new code in 1\d seconds/).waitFor()
  await shoot(page, 'whatsapp-qr-1440')
  assert.deepEqual(await axe(page), [])
  const drawn = () => page.getByTestId('qr').locator('path').last().getAttribute('d')
  const first = await drawn()
  await say(page, qr(2))
  await eventually('the next one', async () => (await drawn()) !== first)
  await say(page, { type: 'linked', phone: '+15550147' })
  await stage(page, 'linked')
  await shoot(page, 'whatsapp-linked-1440')
  assert.deepEqual(await axe(page), [])
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.deepEqual(await page.evaluate(() => globalThis.wishes.at(-1)), { mode: 'qr' })
  assert.deepEqual(page.faults, [])
})

test('whatsapp: a number is linked by a code, by keyboard alone', async (browser) => {
  const page = await open(browser)
  await unlinked(page)
  await signIn(page)
  await page.goto(PAGE)
  await card(page, 'Front desk').getByRole('button', { name: 'Link', exact: true }).focus()
  await page.keyboard.press('Enter')
  await stage(page, 'asking')
  const byCode = page.getByRole('button', { name: 'Type a code' })
  await byCode.focus()
  await page.keyboard.press('Enter')
  await page.getByLabel('The number’s own phone number').fill('+1 555 01 47')
  await page.keyboard.press('Enter')
  await stage(page, 'asking')
  await say(page, { type: 'code', code: 'AB1CD2EF', expires_in_s: 160 })
  assert.equal(await page.getByTestId('pairing-code').innerText().then((text) => text.replace(/\s/g, '')), 'AB1CD2EF')
  await shoot(page, 'whatsapp-code-1440')
  assert.deepEqual(await axe(page), [])
  // The page's connection is lost while the code is being typed on the phone: the code still holds.
  await page.evaluate(() => globalThis.hangUp())
  await page.getByText(/Good for \d+ more seconds/).waitFor()
  assert.deepEqual(await page.evaluate(() => globalThis.wishes.at(-1)), { mode: 'code', phone: '+1 555 01 47' })
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.deepEqual(page.faults, [])
})

test('whatsapp: each failure says what happened, and offers another try', async (browser) => {
  const page = await open(browser)
  await unlinked(page)
  await signIn(page)
  await page.goto(PAGE)
  await card(page, 'Front desk').getByRole('button', { name: 'Link', exact: true }).click()
  const titles = new Set()
  for (const reason of ['codes_spent', 'refused', 'passkey_needed', 'rate_limited', 'outdated', 'network', 'superseded', 'no_worker', 'something_new']) {
    await stage(page, 'asking')
    await say(page, { type: 'failed', reason })
    const box = page.getByTestId('pairing-failed')
    await box.waitFor()
    const text = await box.innerText()
    assert.ok(!/whatsapp\.f_|undefined|\{\{/.test(text), text)
    titles.add(text.split('\n')[0])
    if (reason === 'rate_limited') {
      await shoot(page, 'whatsapp-failed-1440')
      assert.deepEqual(await axe(page), [])
    }
    await box.getByRole('button', { name: 'Try again' }).click()
  }
  assert.equal(titles.size, 9)
  await stage(page, 'asking')
  await page.evaluate(() => globalThis.hangUp())
  await page.getByText('The connection was lost').waitFor()
  assert.deepEqual(page.faults, [])
})

test('whatsapp: what needs somebody is said, with the one thing to do', async (browser) => {
  const page = await open(browser)
  const asked = await having(page, STATES())
  await signIn(page)
  await page.goto(PAGE)
  await card(page, 'Front desk').getByText('Connected', { exact: true }).waitFor()
  await card(page, 'Workshop').getByText('Connected, but silent').waitFor()
  await card(page, 'Workshop').getByText('nothing was heard for 11 min', { exact: false }).waitFor()
  await card(page, 'Sales').getByText('WhatsApp finds that this number writes too much.', { exact: false }).waitFor()
  await card(page, 'Counter').getByText('Connected, but does not send').waitFor()
  await card(page, 'Young number').getByText('New people can be written to again from', { exact: false }).waitFor()
  await card(page, 'Young number').getByText('5 of 5').waitFor()
  await card(page, 'Cellar').getByText('For 42 min now.', { exact: false }).waitFor()
  await card(page, 'Front desk').getByText('shard-worker-7c9f5d8b64-x2mzq').waitFor()
  await card(page, 'Night line').getByText('It wrote to too many people', { exact: false }).waitFor()
  await card(page, 'Garage').getByText('device_rejected', { exact: false }).waitFor()
  await card(page, 'Front desk').getByRole('button', { name: 'Pause' }).click()
  await card(page, 'Second shop').getByRole('button', { name: 'Connect again' }).click()
  await card(page, 'Front desk').getByRole('switch').click()
  await eventually('three deeds', () => asked.length === 3)
  assert.deepEqual(asked, ['PATCH Front desk {"desired":"stopped"}', 'PATCH Second shop {"desired":"running"}', 'PATCH Front desk {"groups":true}'])
  await card(page, 'Front desk').getByRole('button', { name: 'More for Front desk' }).click()
  await page.getByRole('menuitem', { name: 'Unlink' }).click()
  assert.deepEqual(await axe(page), [])
  await page.getByRole('dialog').getByRole('button', { name: 'Unlink' }).click()
  await card(page, 'Front desk').getByText('Unlinking…').waitFor()
  assert.equal(asked.at(-1), 'POST Front desk/unlink')
  assert.deepEqual(page.faults, [])
})

test('whatsapp: a real server makes a number, waits with whoever watches, and hears when they go', async (browser) => {
  const page = await open(browser)
  await signIn(page)
  await page.goto(PAGE)
  const name = `Line ${Date.now()}`
  await page.getByRole('button', { name: 'Add a number' }).click()
  await page.getByLabel('Name').fill(name)
  await page.keyboard.press('Enter')
  await page.getByTestId('linking').waitFor()
  const row = async () => (await asOwner('GET', '/whatsapp-sessions')).items.find((item) => item.name === name)
  await eventually('it is wanted', async () => (await row())?.desired === 'running')
  await page.getByRole('button', { name: 'Type a code' }).click()
  await eventually('the QR was given up', async () => (await row()).desired === 'stopped')
  await page.getByLabel('The number’s own phone number').fill('030 901820')
  await page.getByRole('button', { name: 'Get a code' }).click()
  await page.getByText('This is no number with its country code', { exact: false }).waitFor()
  await page.keyboard.press('Escape')
  // What a colleague does shows by itself.
  await asOwner('PATCH', `/whatsapp-sessions/${(await row()).id}`, { name: `${name}, renamed` })
  await card(page, `${name}, renamed`).getByText('Not linked').waitFor()
  assert.deepEqual([...(await axe(page)), ...page.faults], [])
})

test('whatsapp: staff see how it fares and can change nothing', async (browser) => {
  const page = await open(browser)
  await having(page, STATES())
  await signIn(page, { role: 'staff' })
  await page.goto(PAGE)
  await card(page, 'Front desk').waitFor()
  await page.getByText('Admins can change them').waitFor()
  assert.equal(await page.getByTestId('sessions').getByRole('button').count(), 0)
  assert.equal(await page.getByRole('switch', { disabled: false }).count(), 0)
  assert.equal(await page.getByText('shard-worker-').count(), 0)
  assert.deepEqual([...(await axe(page)), ...page.faults], [])
})

test('whatsapp: a chat is answered as one, and not while its number rests', async (browser) => {
  const page = await open(browser)
  const front = session('Front desk')
  await having(page, [front])
  const name = await stranger('Is the blue one in stock?')
  // A text stands in for a WhatsApp message.
  await page.route(/\/api\/v1\/conversations(\/[0-9a-f-]{36})?(\?|$)/, async (route) => {
    const response = await route.fetch()
    const json = await response.json()
    for (const row of json.items ?? [json]) {
      if (row.contact?.name !== name) continue
      Object.assign(row, { channel: 'whatsapp', inbox: { ...row.inbox, channel: 'whatsapp', name: 'Front desk' } })
      front.inbox_id = row.inbox.id
    }
    return route.fulfill({ response, json })
  })
  await signIn(page)
  await page.goto(`${url}/inbox?channel=whatsapp`)
  await page.getByRole('link', { name: 'WhatsApp', exact: true }).waitFor()
  await page.goto(`${url}/inbox`)
  const row = page.getByTestId('conversation-row').filter({ hasText: name })
  await row.getByRole('img', { name: 'WhatsApp' }).waitFor()
  await row.click()
  await page.getByText('WhatsApp to').waitFor()
  await page.getByRole('textbox', { name: 'Reply' }).fill('It is, come by!')
  assert.equal(await page.getByTestId('segments').count(), 0)
  await shoot(page, 'whatsapp-chat-1440')
  assert.deepEqual(await axe(page), [])
  Object.assign(front, { observed: 'banned', ...health('needs_you', 10) })
  await page.reload()
  await page.getByTestId('waits').getByText('goes out when it does again').waitFor()
  front.desired = 'stopped'
  await page.reload()
  await page.getByTestId('barrier').getByText('not linked, or paused').waitFor()
  assert.deepEqual([...(await axe(page)), ...page.faults], [])
})

for (const look of looks) {
  test(`whatsapp: looks ${look.name}`, async (browser) => {
    const page = await open(browser, look)
    await having(page, STATES())
    await scripted(page)
    await signIn(page)
    await page.goto(PAGE)
    const cards = page.getByTestId('session')
    await cards.first().waitFor()
    const faults = []
    const check = async (name) => {
      await shoot(page, `${name}-${look.name}`)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (wide > 0) faults.push(`${name}: ${wide} px wider than the window`)
      for (const fault of await axe(page)) faults.push(`${name}: ${fault}`)
    }
    await check('whatsapp')
    for (const [n, part] of [[4, 'a'], [8, 'b'], [11, 'c'], [14, 'd']]) {
      await cards.nth(n).scrollIntoViewIfNeeded()
      await shoot(page, `whatsapp-${part}-${look.name}`)
    }
    const link = cards.nth(11).getByRole('button').first()
    await link.click()
    await stage(page, 'asking')
    await say(page, qr(1))
    await page.getByTestId('qr').locator('svg').waitFor()
    await check('whatsapp-qr')
    await page.getByTestId('linking').getByRole('button').nth(1).click()
    await page.locator('input[type=tel]').fill('+15550147')
    await page.keyboard.press('Enter')
    await stage(page, 'asking')
    await say(page, { type: 'code', code: 'AB1CD2EF', expires_in_s: 160 })
    await page.getByTestId('pairing-code').waitFor()
    await check('whatsapp-code')
    await say(page, { type: 'failed', reason: 'passkey_needed' })
    await page.getByTestId('pairing-failed').waitFor()
    await check('whatsapp-failed')
    assert.deepEqual([...faults, ...page.faults], [])
  })
}
