// A WhatsApp chat: what a message carries besides its words, what staff do to one, and files that go along.
import assert from 'node:assert/strict'
import { axe, eventually, looks, open, shoot, signIn, stranger } from '../browser.mjs'
import { asChat, into } from '../chat.mjs'

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
