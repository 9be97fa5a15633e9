// The form on somebody else's site: another origin's page, our script, and what was sent lands in the inbox.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { asOwner, axe, open, shoot, signIn, url } from '../browser.mjs'

/** A business's own site, with the form in it. */
async function foreignSite(form) {
  const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <title>A plumber</title><style>body{font:16px/1.5 Georgia,serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style></head>
    <body><main><h1>Write to us</h1><script src="${url}/widget.js" data-form="${form}" defer></script></main></body></html>`
  const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(page))
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  return { at: `http://localhost:${server.address().port}/contact`, close: () => server.close() }
}

test('widget: a form on a foreign page lands in the inbox', async (browser) => {
  const { items } = await asOwner('GET', '/inboxes')
  const form = items.find((inbox) => inbox.channel === 'form') ?? (await asOwner('POST', '/inboxes', { channel: 'form', name: 'Site' }))
  const staff = await open(browser)
  await signIn(staff)
  const site = await foreignSite(form.address)
  try {
    const visitor = await open(browser)
    await visitor.goto(site.at)
    assert.notEqual(new URL(site.at).origin, new URL(url).origin)
    const name = `Wanda ${Date.now()}`
    // Nothing filled in: the script says what is missing, beside the fields.
    await visitor.getByRole('button').click()
    await visitor.locator('[aria-invalid=true]').first().waitFor()
    await visitor.getByLabel('Your name').fill(name)
    await visitor.getByLabel(/mail/i).fill('wanda@example.com')
    await visitor.getByLabel(/help/i).fill('Our sink leaks, can you come today?')
    await shoot(visitor, 'widget-1440')
    assert.deepEqual(await axe(visitor), [])
    await visitor.getByRole('button').click()
    await visitor.getByRole('status').getByText(/thank/i).waitFor()
    const row = staff.getByTestId('conversation-row').filter({ hasText: name })
    await row.click()
    await staff.getByTestId('timeline').getByText('Our sink leaks, can you come today?').waitFor()
    assert.deepEqual(visitor.faults, [])
  } finally {
    site.close()
  }
})
