// Signing in as a person does: email, password, and the code of the second step.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { asOwner, live, open, url } from '../browser.mjs'

const PASSWORD = 'three calm herons wade'

/** What an authenticator app shows `steps` half minutes from now. */
function code(secret, steps = 0) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const mac = createHmac('sha1', key).update(counter).digest()
  const at = mac.at(-1) & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** Sign-in is limited by address: each test has one of its own, as a proxy on this machine would report it. */
let address = 0

async function post(path, body, token) {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-switchboard': '1', 'x-forwarded-for': `192.0.2.${address}`, ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  })
  assert.ok(answer.ok, `POST ${path}: ${answer.status} ${await answer.clone().text()}`)
  return answer.status === 204 ? null : answer.json()
}

/** Somebody who has chosen a password. */
async function person(name) {
  address += 1
  const email = `${name}-${process.pid}-${Date.now()}@example.com`
  const { sign_in_link: link } = await asOwner('POST', '/staff', { name, email, role: 'staff' })
  const first = await post('/auth/link', { token: link.split('#link=').at(-1) })
  await post('/me/password', { new: PASSWORD }, first.access_token)
  // A new password ends every session, the one that set it too.
  const { access_token: token } = await post('/auth/login', { email, password: PASSWORD })
  return { email, token }
}

async function signInPage(browser, email, password) {
  const page = await open(browser)
  await page.setExtraHTTPHeaders({ 'x-forwarded-for': `192.0.2.${address}` })
  await page.goto(`${url}/inbox`)
  await page.waitForURL(/\/sign-in/)
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  return page
}

test('sign-in: by email and password, after a wrong one', async (browser) => {
  const { email } = await person('Nora')
  const page = await signInPage(browser, email, 'not the password at all')
  await page.getByRole('alert').getByText('do not belong together').waitFor()
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(/\/inbox/)
  await live(page)
  await page.reload()
  await live(page)
  assert.deepEqual(page.faults, [])
})

test('sign-in: with the code of the second step, after a wrong one', async (browser) => {
  const { email, token } = await person('Tove')
  const { secret } = await post('/me/totp', {}, token)
  // One step back: the current code stays unused for signing in, and none may be used twice.
  await post('/me/totp/confirm', { code: code(secret, -1) }, token)
  const page = await signInPage(browser, email, PASSWORD)
  await page.getByRole('heading', { name: 'Second step' }).waitFor()
  const right = code(secret)
  await page.getByLabel('Code').fill(right === '000000' ? '000001' : '000000')
  assert.equal(await page.getByRole('alert').count(), 0, 'nothing is wrong before it was tried')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('The code is not right').waitFor()
  // A machine under load may have let the half minute pass: what is shown now counts.
  await page.getByLabel('Code').fill(code(secret))
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(/\/inbox/)
  await live(page)
  assert.deepEqual(page.faults, [])
})
