// The inbox as staff use it. Each test has a stranger of its own who wrote through a web form.
import assert from 'node:assert/strict'
import { eventually, live, open, signIn, stranger, url } from '../browser.mjs'

async function inbox(browser, name) {
  const page = await open(browser)
  await signIn(page, { name })
  return page
}

/** Somebody new writes; their conversation appears by itself, and is opened. */
async function openStranger(page) {
  const name = await stranger()
  const row = page.getByTestId('conversation-row').filter({ hasText: name })
  await row.click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
  await page.getByRole('button', { name: 'Reply', exact: true }).waitFor()
}

const say = async (page, text) => {
  await page.getByRole('textbox', { name: 'Reply' }).fill(text)
  await page.keyboard.press('Control+Enter')
}
const bubbles = (page, text) => page.getByTestId('timeline').locator('article', { hasText: text })

/** There within `limitMs` of an idle machine: counted in the page's frames, which come slower where much else is done. */
async function soon(page, selector, text, limitMs) {
  const look = ([places, words, frames]) => new Promise((done) => {
    const there = () => [...document.querySelectorAll(places)].some((each) => each.textContent.includes(words) || each.ariaLabel === words)
    const next = (left) => (there() ? done(true) : left === 0 ? done(false) : requestAnimationFrame(() => next(left - 1)))
    next(frames)
  })
  assert.ok(await page.evaluate(look, [selector, text, Math.floor((limitMs * 60) / 1000)]), `${text}: not within ${limitMs} ms of frames`)
}

/** The server hears of such requests only when released: what a screen shows until then it shows by itself. */
async function held(page, method, path) {
  let release
  const released = new Promise((resolve) => (release = resolve))
  await page.route(path, async (route) => {
    if (route.request().method() === method) await released
    await route.continue()
  })
  return release
}

test('inbox: a reply shows at once and is there once', async (browser) => {
  const page = await inbox(browser)
  await openStranger(page)
  const text = `Hello ${Date.now()}`
  const release = await held(page, 'POST', /\/conversations\/[^/]+\/messages/)
  await say(page, text)
  await soon(page, '[data-testid=timeline] article', text, 500)
  release()
  await page.locator('article', { hasText: text }).getByTestId('tick').and(page.locator('[data-state=queued], [data-state=sending], [data-state=sent], [data-state=delivered], [data-state=read], [data-state=failed], [data-state=unknown]')).waitFor()
  assert.equal(await bubbles(page, text).count(), 1)
  assert.deepEqual(page.faults, [])
})

test('inbox: what is sent without a connection waits, survives a reload, and arrives once', async (browser) => {
  const page = await inbox(browser)
  await openStranger(page)
  await page.context().setOffline(true)
  const text = `Kept ${Date.now()}`
  await say(page, text)
  await page.getByTestId('outgoing').filter({ hasText: text }).locator('[data-state=waiting]').waitFor()
  await page.locator('[data-testid=connection][data-state=offline]').first().waitFor()
  await page.context().setOffline(false)
  await live(page)
  await eventually('the message left the outbox', async () => (await page.getByTestId('outgoing').count()) === 0)
  assert.equal(await bubbles(page, text).count(), 1)
  await page.reload()
  await bubbles(page, text).first().waitFor()
  assert.equal(await bubbles(page, text).count(), 1)
})

test('inbox: a draft survives leaving and coming back', async (browser) => {
  const page = await inbox(browser)
  await openStranger(page)
  const box = page.getByRole('textbox', { name: 'Reply' })
  await box.fill('Half a thought')
  const address = page.url()
  await page.goto(`${url}/calls`)
  await page.goto(address)
  assert.equal(await box.inputValue(), 'Half a thought')
  await box.fill('')
})

test('inbox: segments are counted as the network counts', async (browser) => {
  const page = await inbox(browser)
  await openStranger(page)
  const box = page.getByRole('textbox', { name: 'Reply' })
  await box.fill('a'.repeat(161))
  assert.equal(await page.getByTestId('segments').getAttribute('data-count'), '2')
  await box.fill('שלום')
  assert.equal(await page.getByTestId('segments').getAttribute('data-count'), '1')
  await box.fill('')
})

test('inbox: a note is only the team’s', async (browser) => {
  const page = await inbox(browser)
  await openStranger(page)
  await page.locator('h1').first().click()
  await page.keyboard.press('n')
  const text = `Note ${Date.now()}`
  await page.getByRole('textbox', { name: 'Note for the team' }).fill(text)
  await page.getByRole('button', { name: 'Add note' }).click()
  await page.locator('article[data-direction=note]', { hasText: text }).waitFor()
})

test('inbox: close and reopen by key', async (browser) => {
  const page = await inbox(browser)
  await openStranger(page)
  await page.locator('h1').first().click()
  const release = await held(page, 'PATCH', /\/conversations\/[^/]+$/)
  await page.keyboard.press('e')
  await soon(page, 'button', 'Reopen', 1000)
  release()
  await page.keyboard.press('e')
  await soon(page, 'button', 'Close', 1000)
})

test('inbox: j and k move, the palette finds, ? helps', async (browser) => {
  const page = await inbox(browser)
  const older = await stranger()
  const newer = await stranger()
  // Both are in the list and in their places before a key is pressed, so that nothing moves under the keys.
  const rows = page.getByTestId('conversation-row')
  await rows.nth(0).filter({ hasText: newer }).waitFor()
  await rows.nth(1).filter({ hasText: older }).waitFor()
  const opened = (name) => page.getByRole('heading', { level: 1, name }).waitFor()
  await page.keyboard.press('j')
  await opened(newer)
  await page.keyboard.press('j')
  await opened(older)
  await page.keyboard.press('k')
  await opened(newer)
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill('unassigned')
  await page.keyboard.press('Enter')
  await page.waitForURL(/view=unassigned/)
})

test('inbox: a colleague is seen looking and writing, and what they sent while one was away is there once', async (browser) => {
  const one = await inbox(browser, 'Robin Example')
  const two = await inbox(browser, 'Kim Example')
  await openStranger(one)
  await two.goto(one.url())
  await live(two)
  await one.getByTestId('viewers').filter({ hasText: 'Kim Example' }).waitFor()
  await one.getByRole('textbox', { name: 'Reply' }).pressSequentially('We can do')
  await two.getByTestId('others-writing').filter({ hasText: 'Robin Example is writing' }).filter({ hasText: 'We can do' }).waitFor()
  const text = `Both ${Date.now()}`
  await say(one, text)
  await bubbles(two, text).first().waitFor()
  await two.context().setOffline(true)
  await two.locator('[data-testid=connection][data-state=offline]').first().waitFor()
  const missed = [1, 2, 3].map((n) => `Missed ${n} ${Date.now()}`)
  for (const each of missed) {
    await say(one, each)
    await bubbles(one, each).first().waitFor()
  }
  await eventually('all three are confirmed', async () => (await one.getByTestId('outgoing').count()) === 0)
  await two.context().setOffline(false)
  await live(two)
  for (const each of missed) {
    await bubbles(two, each).first().waitFor()
    assert.equal(await bubbles(two, each).count(), 1)
  }
  assert.deepEqual([...one.faults, ...two.faults], [])
})
