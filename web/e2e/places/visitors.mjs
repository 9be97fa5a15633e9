// A visitor without sign-in calls the agent from the demo page, with a voice; staff see it live; the line is free again.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asOwner, axe, eventually, launch, live, looks, open, shoot, signIn, url } from '../browser.mjs'

/** The demo page of the voice number, switched on: its path. */
async function demoPage(enabled = true) {
  const { items } = await asOwner('GET', '/inboxes')
  const number = items.find((inbox) => inbox.channel === 'voice')
  const page = await asOwner('PUT', `/inboxes/${number.id}/demo-page`, { enabled })
  return new URL(page.url).pathname
}

/** A caller who lets the agent greet, then asks something. */
function speech(file) {
  execFileSync('espeak-ng', ['-w', file, 'When are you open on Saturday?'])
  const spoken = readFileSync(file)
  const [header, sound] = [spoken.subarray(0, 44), spoken.subarray(44)]
  const rate = header.readUInt32LE(28)
  const whole = Buffer.concat([header, Buffer.alloc(rate * 7), sound])
  whole.writeUInt32LE(whole.length - 8, 4)
  whole.writeUInt32LE(whole.length - 44, 40)
  writeFileSync(file, whole)
  return file
}

/** A figure of the server's, as operators see it. */
async function figure(name) {
  const text = await (await fetch(`${url}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`))
  return line ? Number(line.split(' ').at(-1)) : 0
}

test('visitors: a call from the demo page, with a voice, seen live, its line free at the end', async () => {
  const home = mkdtempSync(join(tmpdir(), 'switchboard-visitor-'))
  const browser = await launch({ wav: speech(join(home, 'question.wav')) })
  try {
    const staff = await open(browser)
    await signIn(staff)
    await staff.goto(`${url}/calls`)
    await live(staff)
    const before = await figure('switchboard_calls_live')

    const visitor = await open(browser, { width: 390, height: 844 })
    const asked = []
    visitor.on('request', (request) => asked.push(new URL(request.url()).pathname))
    visitor.on('websocket', (socket) => asked.push(new URL(socket.url()).pathname))
    await visitor.goto(url + (await demoPage()))
    await visitor.getByRole('button', { name: 'Call now' }).click()
    const page = visitor.getByTestId('try')
    await visitor.locator('[data-testid=try][data-state=talking]').waitFor()
    const id = await page.getAttribute('data-call')
    const card = staff.locator(`[data-testid=live-call][data-call="${id}"]`)
    await card.waitFor()
    await card.getByText('Demo page').waitFor()
    assert.equal(await figure('switchboard_calls_live'), before + 1)

    await eventually('sound goes out', async () => Number(await page.getAttribute('data-sent')) >= 50)
    await eventually('marks are played', async () => Number(await page.getAttribute('data-marks')) >= 1, 20_000)
    const words = visitor.getByTestId('transcript')
    await words.locator('[data-speaker=agent]').first().waitFor()
    await words.locator('[data-speaker=caller]:not([data-partial])').first().waitFor({ timeout: 30_000 })
    await shoot(visitor, 'visitor-talking-390')
    assert.deepEqual(await axe(visitor), [])
    await card.getByRole('link').first().click()
    await staff.getByTestId('transcript').locator('[data-speaker=caller]').first().waitFor()

    await visitor.getByRole('button', { name: 'Mute', exact: true }).click()
    await visitor.getByRole('button', { name: 'Unmute' }).waitFor()
    await visitor.getByRole('button', { name: 'Hang up' }).click()
    await visitor.locator('[data-testid=try][data-state=ended]').waitFor()
    await staff.locator('[data-testid=call-state][data-state=ended]').waitFor()
    await eventually('the line is free', async () => (await figure('switchboard_calls_live')) === before)
    await shoot(visitor, 'visitor-ended-390')

    assert.deepEqual(asked.filter((path) => /\/assets\/(react|vendor|radix|app|index)-/.test(path)), [])
    const allowed = /^\/(try\/|assets\/|theme\.js$|favicon|api\/v1\/demo-pages\/|media\/phone\/)/
    assert.deepEqual(asked.filter((path) => !allowed.test(path)), [], 'nothing of the staff app is loaded or asked')
    assert.deepEqual([...visitor.faults, ...staff.faults], [])
  } finally {
    await browser.close()
    rmSync(home, { recursive: true, force: true })
  }
})

test('visitors: what can go wrong is said', async (browser) => {
  const path = await demoPage()
  const visitor = await open(browser)
  const call = () => visitor.getByRole('button', { name: /^Call/ }).click()
  const state = visitor.getByTestId('try')
  const said = (text) => visitor.getByRole('status').getByText(text).waitFor()

  await visitor.route('**/api/v1/demo-pages/*/calls', (route) => route.fulfill({ status: 409, contentType: 'application/problem+json', body: '{"code":"lines_busy"}' }))
  await visitor.goto(url + path)
  await call()
  await said('All lines are taken')
  await shoot(visitor, 'visitor-busy-1440')
  await visitor.unroute('**/api/v1/demo-pages/*/calls')

  await visitor.route('**/api/v1/demo-pages/*/calls', (route) => route.abort())
  await call()
  await said('The server did not answer')
  await visitor.unroute('**/api/v1/demo-pages/*/calls')

  for (const [name, text] of [
    ['NotAllowedError', 'The microphone is blocked'],
    ['NotFoundError', 'No microphone found'],
  ]) {
    await visitor.evaluate((each) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', each))
    }, name)
    await call()
    await said(text)
  }
  assert.equal(await state.getAttribute('data-problem'), 'microphone_missing')

  await demoPage(false)
  try {
    await visitor.goto(url + path)
    await visitor.getByText('This demo is switched off').waitFor()
    await shoot(visitor, 'visitor-closed-1440')
    assert.deepEqual(await axe(visitor), [])
  } finally {
    await demoPage(true)
  }
  assert.deepEqual(visitor.faults, [])
})

test('visitors: an owner switches the page on, copies its link and gives it another', async (browser) => {
  const page = await open(browser)
  await signIn(page)
  await page.goto(`${url}/settings/inboxes`)
  await page.getByRole('button', { name: 'Demo page' }).first().click()
  const box = page.getByTestId('demo-page')
  const on = box.getByRole('switch')
  if ((await on.getAttribute('data-state')) !== 'checked') await on.click()
  const link = box.getByLabel('Link to the demo page')
  const first = await link.innerText()
  await shoot(page, 'demo-page-settings-1440')
  assert.deepEqual(await axe(page), [])
  await box.getByRole('button', { name: 'New link' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'New link' }).click()
  await eventually('another link', async () => (await link.innerText()) !== first)
  await on.click()
  await link.waitFor({ state: 'detached' })
  await on.click()
  await link.waitFor()
})

for (const look of looks) {
  test(`visitors: looks ${look.name}`, async (browser) => {
    const visitor = await open(browser, look)
    await visitor.goto(url + (await demoPage()))
    await visitor.locator('[data-testid=try][data-state=idle]').waitFor()
    await shoot(visitor, `try-${look.name}`)
    assert.deepEqual([...(await axe(visitor)), ...visitor.faults], [])
    const wide = await visitor.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    assert.ok(wide <= 0, `${wide} px wider than the window`)
  })
}
