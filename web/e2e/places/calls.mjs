// The browser phone, and listening to the call that it makes from a second window.
import assert from 'node:assert/strict'
import { eventually, live, open, signIn, url } from '../browser.mjs'

test('phone: a call from the browser is on the wall, is read along, and can be listened to', async (browser) => {
  const caller = await open(browser)
  await signIn(caller)
  const staff = await open(browser)
  await signIn(staff)
  await staff.goto(`${url}/calls`)
  await live(staff)

  await caller.goto(`${url}/phone`)
  await caller.getByRole('button', { name: 'Call', exact: true }).click()
  const phone = caller.getByTestId('phone')
  await caller.locator('[data-testid=phone][data-state=talking]').waitFor()
  await eventually('a second of sound went out', async () => Number(await phone.getAttribute('data-sent')) >= 50)
  await eventually('a mark was played', async () => Number(await phone.getAttribute('data-marks')) >= 1, 20_000)
  const id = await phone.getAttribute('data-call')
  const card = staff.locator(`[data-testid=live-call][data-call="${id}"]`)
  await card.waitFor()
  await caller.getByTestId('transcript').locator('[data-speaker=agent]').first().waitFor()

  await card.getByRole('button', { name: 'Listen' }).click()
  await staff.locator('[data-testid=listening][data-state=on]').waitFor()
  const bar = staff.getByTestId('listening')
  await eventually('sound arrived', async () => Number(await bar.getAttribute('data-frames')) > 50)
  await eventually('the buffer is short', async () => {
    const waiting = Number(await bar.getAttribute('data-waiting-ms'))
    return waiting > 0 && waiting <= 200
  })

  await caller.getByRole('button', { name: 'Keys' }).click()
  await caller.getByRole('button', { name: '5', exact: true }).click()
  await caller.getByRole('button', { name: 'Hang up' }).click()
  await caller.locator('[data-testid=phone][data-state=ended]').waitFor()
  await card.waitFor({ state: 'detached' })
  assert.deepEqual([...caller.faults, ...staff.faults], [])
})

test('calls: staff hang up, after being asked', async (browser) => {
  const caller = await open(browser)
  await signIn(caller)
  await caller.goto(`${url}/phone`)
  await caller.getByRole('button', { name: 'Call', exact: true }).click()
  await caller.locator('[data-testid=phone][data-state=talking]').waitFor()
  const id = await caller.getByTestId('phone').getAttribute('data-call')
  const staff = await open(browser)
  await signIn(staff)
  await staff.goto(`${url}/calls/${id}`)
  await staff.getByRole('button', { name: 'Hang up' }).click()
  await staff.getByRole('dialog').getByRole('button', { name: 'Hang up' }).click()
  await staff.locator('[data-testid=call-state][data-state=ended]').waitFor()
})
