// Where messages and calls come in: connected numbers and web forms.
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link2, Plus } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { api, body } from '@/api/client'
import type { Channel, Inbox } from '@/api/model'
import { connectionsQuery, inboxesQuery, queries } from '@/api/queries'
import { keys } from '@/live/patch'
import { complain } from '@/shell/complaints'
import { Address } from '@/ui/Address'
import { Button } from '@/ui/Button'
import { ChannelIcon } from '@/ui/ChannelIcon'
import { Dialog } from '@/ui/Dialog'
import { Field, Input, Select, Switch } from '@/ui/Field'
import { Bone, Empty, Loading, Trouble, useProblem } from '@/ui/State'
import { DemoPage } from './DemoPage'
import { htmlSnippet, scriptSnippet } from './form-snippet'
import { AdminsOnly, CopyText, Page, Section } from './Page'
import { useAdmin } from './SettingsPage'

export default function InboxesPage() {
  const { t } = useTranslation()
  const admin = useAdmin()
  const query = useQuery(inboxesQuery)
  const [adding, setAdding] = useState<'number' | 'form' | 'connection' | null>(null)
  const close = () => setAdding(null)
  const numbers = query.data?.items.filter((inbox) => inbox.channel === 'voice' || inbox.channel === 'sms') ?? []
  const forms = query.data?.items.filter((inbox) => inbox.channel === 'form') ?? []
  return (
    <Page title={t('place.inboxes')} about={t('settings.inboxes.about')}>
      {!admin && <AdminsOnly />}
      {query.isPending && (
        <Loading>
          <Bone className="h-24 w-full" />
        </Loading>
      )}
      {query.isError && <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />}
      {query.data && (
        <>
          <Section title={t('settings.inboxes.numbers')} about={t('settings.inboxes.numbers_about')}>
            {admin && <Connections onConnect={() => setAdding('connection')} />}
            <ul>
              {numbers.map((inbox) => (
                <Row key={inbox.id} inbox={inbox} admin={admin}>
                  {inbox.channel === 'voice' && <DemoPage inbox={inbox} admin={admin} />}
                </Row>
              ))}
            </ul>
            {admin && (
              <Button className="self-start" icon={<Plus className="size-4" />} onClick={() => setAdding('number')}>
                {t('settings.inboxes.add_number')}
              </Button>
            )}
          </Section>
          <Section title={t('settings.inboxes.forms')} about={t('settings.inboxes.forms_about')}>
            {forms.length === 0 && <Empty icon={<ChannelIcon silent channel="form" />} title={t('settings.inboxes.no_forms')} />}
            <ul>
              {forms.map((inbox) => (
                <Row key={inbox.id} inbox={inbox} admin={admin}>
                  <Embed inbox={inbox} />
                </Row>
              ))}
            </ul>
            {admin && (
              <Button className="self-start" icon={<Plus className="size-4" />} onClick={() => setAdding('form')}>
                {t('settings.inboxes.add_form')}
              </Button>
            )}
          </Section>
        </>
      )}
      {adding === 'number' && <AddNumber onClose={close} />}
      {adding === 'form' && <AddForm onClose={close} />}
      {adding === 'connection' && <Connect onClose={close} />}
    </Page>
  )
}

function Row({ inbox, admin, children }: { inbox: Inbox; admin: boolean; children?: React.ReactNode }) {
  const { t } = useTranslation()
  const change = useMutation({
    mutationFn: (disabled: boolean) => body(api.PATCH('/api/v1/inboxes/{id}', { params: { path: { id: inbox.id } }, body: { disabled } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.inboxes }),
    onError: complain,
  })
  return (
    <li className="border-b py-3 last:border-0">
      <div className="flex items-center gap-3">
        <ChannelIcon channel={inbox.channel} className="size-4 text-ink-3" />
        <div className="min-w-0 flex-1">
          <p className="truncate text-sm font-medium">
            <bdi>{inbox.name}</bdi>
          </p>
          <p className="truncate text-xs text-ink-3">
            {t(`channel.${inbox.channel}`)} · <Address>{inbox.address}</Address>
          </p>
        </div>
        <span className="text-xs text-ink-3">{inbox.disabled ? t('settings.inboxes.off') : t('settings.inboxes.on')}</span>
        <Switch
          label={t('settings.inboxes.receive', { name: inbox.name })}
          checked={!inbox.disabled}
          disabled={!admin || change.isPending}
          onChange={(on) => change.mutate(!on)}
        />
      </div>
      {children}
    </li>
  )
}

function Embed({ inbox }: { inbox: Inbox }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  return (
    <div className="mt-2 ps-7">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="rounded text-xs text-ink-2 underline decoration-line-strong underline-offset-4 hover:text-ink">
        {open ? t('settings.inboxes.hide_snippet') : t('settings.inboxes.show_snippet')}
      </button>
      {open && (
        <div className="mt-2">
          <p className="mb-2 text-sm text-ink-2">{t('settings.inboxes.snippet_help')}</p>
          <CopyText block label={t('settings.inboxes.snippet')} text={scriptSnippet(location.origin, inbox)} />
          <p className="mt-4 mb-2 text-sm text-ink-2">{t('settings.inboxes.snippet_plain')}</p>
          <CopyText block label={t('settings.inboxes.snippet')} text={htmlSnippet(location.origin, inbox)} />
        </div>
      )}
    </div>
  )
}

function Connections({ onConnect }: { onConnect: () => void }) {
  const { t } = useTranslation()
  const { data } = useQuery(connectionsQuery)
  if (!data) return null
  const problem = data.items.find((item) => item.sweep?.problem)?.sweep?.problem
  const found = data.items.reduce((sum, item) => sum + (item.sweep?.texts_found ?? 0), 0)
  return (
    <div className="flex flex-wrap items-center gap-3 rounded border px-3 py-2">
      <Link2 className="size-4 text-ink-3" aria-hidden />
      <p className="min-w-40 flex-1 text-sm">
        {data.items.length === 0 ? (
          t('settings.inboxes.not_connected')
        ) : (
          <>
            {t('settings.inboxes.connected')} <bdi dir="ltr" className="font-mono text-xs break-all">{data.items.map((item) => item.account).join(', ')}</bdi>
          </>
        )}
      </p>
      <Button size="sm" onClick={onConnect}>
        {t('settings.inboxes.connect')}
      </Button>
      {problem && (
        <p className="basis-full text-sm text-danger" role="status">
          {problem}
        </p>
      )}
      {found > 0 && <p className="basis-full text-xs text-ink-2">{t('settings.inboxes.found', { number: found })}</p>}
    </div>
  )
}

function AddNumber({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const { data: connections } = useQuery(connectionsQuery)
  const [form, setForm] = useState<{ channel: Channel; address: string; name: string; connection_id: string }>({ channel: 'voice', address: '', name: '', connection_id: '' })
  return (
    <AddDialog
      title={t('settings.inboxes.add_number')}
      onClose={onClose}
      make={() =>
        body(
          api.POST('/api/v1/inboxes', {
            body: {
              channel: form.channel,
              address: form.address.replace(/[\s()-]/g, ''),
              name: form.name,
              ...(form.connection_id || connections?.items[0] ? { connection_id: form.connection_id || connections?.items[0]?.id } : {}),
            },
          }),
        )
      }
    >
      <Field label={t('settings.inboxes.what')}>
        {(ids) => (
          <Select {...ids} value={form.channel} onChange={(event) => setForm({ ...form, channel: event.target.value as Channel })}>
            <option value="voice">{t('channels.voice')}</option>
            <option value="sms">{t('channels.sms')}</option>
          </Select>
        )}
      </Field>
      <Field label={t('settings.inboxes.number')} help={t('settings.inboxes.number_help')}>
        {(ids) => (
          <Input {...ids} autoFocus type="tel" dir="ltr" required pattern="\+[0-9 ()\-]{6,20}" placeholder="+15550100" value={form.address} onChange={(event) => setForm({ ...form, address: event.target.value })} />
        )}
      </Field>
      <Field label={t('settings.inboxes.name')} help={t('settings.inboxes.name_help')}>
        {(ids) => <Input {...ids} required maxLength={120} value={form.name} onChange={(event) => setForm({ ...form, name: event.target.value })} />}
      </Field>
      {(connections?.items.length ?? 0) > 1 && (
        <Field label={t('settings.inboxes.account')}>
          {(ids) => (
            <Select {...ids} value={form.connection_id} onChange={(event) => setForm({ ...form, connection_id: event.target.value })}>
              {connections!.items.map((item) => (
                <option key={item.id} value={item.id}>
                  {item.account}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
    </AddDialog>
  )
}

function AddForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [name, setName] = useState('')
  return (
    <AddDialog title={t('settings.inboxes.add_form')} onClose={onClose} make={() => body(api.POST('/api/v1/inboxes', { body: { channel: 'form', name } }))}>
      <Field label={t('settings.inboxes.name')} help={t('settings.inboxes.form_name_help')}>
        {(ids) => <Input {...ids} autoFocus required maxLength={120} value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
    </AddDialog>
  )
}

function Connect({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [form, setForm] = useState({ account: '', auth_token: '' })
  return (
    <AddDialog
      title={t('settings.inboxes.connect')}
      description={t('settings.inboxes.connect_help')}
      onClose={onClose}
      make={async () => {
        await api.POST('/api/v1/connections', { body: { provider: 'twilio', ...form } })
        await queries.invalidateQueries({ queryKey: keys.connections })
      }}
    >
      <Field label={t('settings.inboxes.account')}>
        {(ids) => (
          <Input {...ids} autoFocus dir="ltr" required pattern="AC[0-9a-fA-F]{32}" placeholder="AC…" className="font-mono" value={form.account} onChange={(event) => setForm({ ...form, account: event.target.value.trim() })} />
        )}
      </Field>
      <Field label={t('settings.inboxes.token')} help={t('settings.inboxes.token_help')}>
        {(ids) => (
          <Input {...ids} type="password" autoComplete="off" dir="ltr" required className="font-mono" value={form.auth_token} onChange={(event) => setForm({ ...form, auth_token: event.target.value.trim() })} />
        )}
      </Field>
    </AddDialog>
  )
}

function AddDialog({ title, description, onClose, make, children }: { title: string; description?: string; onClose: () => void; make: () => Promise<unknown>; children: React.ReactNode }) {
  const { t } = useTranslation()
  const add = useMutation({
    mutationFn: make,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keys.inboxes })
      onClose()
    },
  })
  const problem = useProblem(add.error)
  return (
    <Dialog open onClose={onClose} title={title} description={description}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          add.mutate()
        }}
      >
        {children}
        {add.error && (
          <p role="alert" className="text-sm text-danger">
            {problem}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button kind="primary" type="submit" disabled={add.isPending}>
            {t('common.add')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
