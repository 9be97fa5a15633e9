// What owners see of the machine: work that failed, and who did what.
import assert from 'node:assert/strict'
import { asOwner, axe, eventually, looks, open, shoot, signIn, url } from '../browser.mjs'

const FAILED = [
  {
    id: '019a6b1e-0000-7000-8000-000000000001',
    queue: 'high',
    kind: 'message.send',
    attempts: 12,
    last_error: 'Twilio answered 401 (20003): Authenticate. Check the account SID and the auth token of this connection.',
    created_at: new Date(Date.now() - 7_400_000).toISOString(),
    finished_at: new Date(Date.now() - 3_700_000).toISOString(),
    payload: { message: '019a6b1e-0000-7000-8000-0000000000aa' },
  },
  {
    id: '019a6b1e-0000-7000-8000-000000000002',
    queue: 'recordings',
    kind: 'call.fetch_recording',
    attempts: 1,
    last_error: null,
    created_at: new Date(Date.now() - 90_000_000).toISOString(),
    finished_at: new Date(Date.now() - 86_000_000).toISOString(),
    payload: { call: '019a6b1e-0000-7000-8000-0000000000bb' },
  },
]

/** A server on which work has failed: that takes hours of trying, so its answers are made here. */
async function failing(page) {
  const asked = []
  const left = [...FAILED]
  await page.route(/\/api\/v1\/jobs\//, (route) => {
    const request = route.request()
    const path = new URL(request.url()).pathname
    if (path.endsWith('/jobs/dead')) return route.fulfill({ json: { items: left, next_cursor: null } })
    asked.push(`${request.method()} ${path.replace('/api/v1', '')}`)
    left.splice(left.findIndex((job) => path.includes(job.id)), 1)
    return route.fulfill({ status: request.method() === 'DELETE' ? 204 : 202 })
  })
  return asked
}

test('system: failed work is looked into, run again, and discarded after being asked', async (browser) => {
  const page = await open(browser)
  await signIn(page)
  const asked = await failing(page)
  await page.goto(`${url}/settings/jobs`)
  const rows = page.getByTestId('dead-jobs').getByRole('listitem')
  await rows.nth(1).waitFor()
  await rows.first().getByRole('button', { name: 'Details' }).click()
  await rows.first().getByText('Authenticate').waitFor()
  await shoot(page, 'jobs-open-1440')
  assert.deepEqual(await axe(page), [])
  await rows.first().getByRole('button', { name: 'Run again: Send a message' }).click()
  await eventually('it is gone', async () => (await rows.count()) === 1)
  await rows.first().getByRole('button', { name: 'Discard: Fetch a recording' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click()
  await page.getByText('Nothing has failed').waitFor()
  assert.deepEqual(asked, [`POST /jobs/${FAILED[0].id}/replay`, `DELETE /jobs/${FAILED[1].id}`])
  assert.deepEqual(page.faults, [])
})

test('system: a real server has no failed work to show, and says so', async (browser) => {
  const page = await open(browser)
  await signIn(page)
  await page.goto(`${url}/settings/jobs`)
  await page.getByText('Nothing has failed').waitFor()
  assert.deepEqual([...(await axe(page)), ...page.faults], [])
})

test('system: the audit log is filtered by person and by deed', async (browser) => {
  const name = `Auditor ${Date.now()}`
  const page = await open(browser)
  await signIn(page, { name })
  await asOwner('POST', '/api-keys', { name: 'Audited', role: 'read_only' })
  await page.goto(`${url}/settings/audit`)
  const lines = page.getByTestId('audit').getByRole('listitem')
  await lines.first().waitFor()
  await page.getByLabel('What').selectOption('api_key')
  await eventually('only keys', async () => {
    const deeds = await lines.evaluateAll((all) => all.map((line) => line.dataset.action))
    return deeds.length > 0 && deeds.every((deed) => deed.startsWith('api_key.'))
  })
  await page.getByLabel('Who').selectOption({ label: name })
  await page.getByText('No line fits').waitFor()
  await page.getByLabel('What').selectOption('')
  await lines.filter({ hasText: name }).filter({ hasText: 'signed in' }).first().waitFor()
  await eventually('only their lines', async () => (await lines.count()) === (await lines.filter({ hasText: name }).count()))
  assert.deepEqual([...(await axe(page)), ...page.faults], [])
})

test('system: who is no admin sees neither', async (browser) => {
  const page = await open(browser)
  await signIn(page, { role: 'staff' })
  await page.goto(`${url}/settings/audit`)
  await page.getByText('Admins can change them').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Audit log' }).count(), 0)
  assert.deepEqual(page.faults, [])
})

for (const look of looks) {
  test(`system: looks ${look.name}`, async (browser) => {
    const page = await open(browser, look)
    await signIn(page)
    await failing(page)
    await page.goto(`${url}/settings/jobs`)
    const row = page.getByTestId('dead-jobs').getByRole('listitem').first()
    await row.getByRole('button').first().click()
    await shoot(page, `jobs-failed-${look.name}`)
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    assert.deepEqual([...(await axe(page)), ...page.faults, ...(wide > 0 ? [`${wide} px wider than the window`] : [])], [])
  })
}
