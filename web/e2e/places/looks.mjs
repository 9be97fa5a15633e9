// Every place in every look: no accessibility faults, no errors on the console, a screenshot to look at, nothing wider than the window.
import assert from 'node:assert/strict'
import { axe, live, looks, open, shoot, signIn, url } from '../browser.mjs'

const places = {
  inbox: '/inbox',
  closed: '/inbox?view=closed',
  calls: '/calls',
  'not-taken': '/calls?list=not_taken',
  phone: '/phone',
  agent: '/settings/agent',
  team: '/settings/team',
  inboxes: '/settings/inboxes',
  whatsapp: '/settings/channels/whatsapp',
  'api-keys': '/settings/api-keys',
  security: '/settings/security',
  jobs: '/settings/jobs',
  audit: '/settings/audit',
}

const there = (locator) => locator.waitFor({ timeout: 5000 }).then(
  () => true,
  () => false,
)

for (const look of looks) {
  test(`looks ${look.name}`, async (browser) => {
    const page = await open(browser, look)
    const faults = []
    const check = async (name) => {
      await page.locator('.skeleton').first().waitFor({ state: 'detached' }).catch(() => undefined)
      await shoot(page, `${name}-${look.name}`)
      for (const fault of await axe(page)) faults.push(`${name}: ${fault}`)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (wide > 0) faults.push(`${name}: ${wide} px wider than the window`)
    }
    await signIn(page)
    for (const [name, path] of Object.entries(places)) {
      await page.goto(url + path)
      await live(page).catch(() => faults.push(`${name}: not live`))
      await check(name)
    }
    await page.goto(`${url}/inbox`)
    const row = page.getByTestId('conversation-row').first()
    if (await there(row)) {
      await row.click()
      await page.getByTestId('timeline').waitFor()
      await check('conversation')
    }
    await page.goto(`${url}/calls`)
    const call = page.getByTestId('history').getByRole('link').first()
    if (await there(call)) {
      await call.click()
      await page.getByTestId('call-state').waitFor()
      await check('call')
    }
    await live(page)
    await page.keyboard.press('Control+k')
    await page.getByRole('dialog').waitFor()
    await check('palette')
    await page.keyboard.press('Escape')
    const visitor = await open(browser, look)
    await visitor.goto(`${url}/sign-in`)
    await visitor.locator('input[name=email]').waitFor()
    await shoot(visitor, `sign-in-${look.name}`)
    for (const fault of await axe(visitor)) faults.push(`sign-in: ${fault}`)
    assert.deepEqual([...faults, ...page.faults, ...visitor.faults], [])
  })
}
