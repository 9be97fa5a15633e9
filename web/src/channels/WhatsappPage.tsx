// WhatsApp numbers that are linked as a further device: how each fares, and what can be done about it.
import { useMutation, useQuery } from '@tanstack/react-query'
import { ExternalLink, Plus, TriangleAlert } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { api, body } from '@/api/client'
import type { Page as Rows, WhatsappSession } from '@/api/model'
import { queries, watchedSessionsQuery } from '@/api/queries'
import { keys } from '@/live/patch'
import { AdminsOnly, Page } from '@/settings/Page'
import { useAdmin } from '@/settings/SettingsPage'
import { Button } from '@/ui/Button'
import { ChannelIcon } from '@/ui/ChannelIcon'
import { Dialog } from '@/ui/Dialog'
import { Field, Input } from '@/ui/Field'
import { Bone, Empty, Loading, Trouble, useProblem } from '@/ui/State'
import { LinkDialog } from './LinkDialog'
import { SessionCard } from './SessionCard'

const CLOUD_API = 'https://developers.facebook.com/docs/whatsapp/cloud-api'

export default function WhatsappPage() {
  const { t } = useTranslation()
  const admin = useAdmin()
  const query = useQuery(watchedSessionsQuery)
  const [adding, setAdding] = useState(false)
  const [linking, setLinking] = useState<string | null>(null)
  const sessions = query.data?.items
  const linked = sessions?.find((session) => session.id === linking)
  const add = (
    <Button kind="primary" icon={<Plus className="size-4" />} onClick={() => setAdding(true)}>
      {t('whatsapp.add')}
    </Button>
  )
  return (
    <Page title={t('place.whatsapp')} about={t('whatsapp.about')} action={admin && sessions && sessions.length > 0 ? add : undefined}>
      {!admin && <AdminsOnly />}
      <Warning />
      {query.isPending && (
        <Loading>
          <Bone className="h-40 w-full rounded" />
        </Loading>
      )}
      {query.isError && <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />}
      {sessions?.length === 0 && (
        <div className="rounded border py-6">
          <Empty icon={<ChannelIcon silent channel="whatsapp" />} title={t('whatsapp.none')} action={admin ? add : undefined}>
            {t('whatsapp.none_help')}
          </Empty>
        </div>
      )}
      {sessions && sessions.length > 0 && (
        <ul className="flex flex-col gap-4" data-testid="sessions">
          {sessions.map((session) => (
            <SessionCard key={session.id} session={session} admin={admin} onLink={() => setLinking(session.id)} />
          ))}
        </ul>
      )}
      {adding && (
        <Add
          onClose={() => setAdding(false)}
          onMade={(made) => {
            setAdding(false)
            setLinking(made.id)
          }}
        />
      )}
      {linked && <LinkDialog key={linked.id} session={linked} onClose={() => setLinking(null)} />}
    </Page>
  )
}

function Warning() {
  const { t } = useTranslation()
  return (
    <aside aria-label={t('whatsapp.warning_title')} className="mb-6 flex gap-3 rounded border border-line-strong bg-sunken p-4">
      <TriangleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
      <div className="text-sm">
        <p className="font-medium">{t('whatsapp.warning_title')}</p>
        <p className="mt-1 text-ink-2">{t('whatsapp.warning')}</p>
        <a href={CLOUD_API} target="_blank" rel="noreferrer" className="mt-2 inline-flex items-center gap-1.5 rounded underline underline-offset-4">
          {t('whatsapp.cloud')}
          <ExternalLink className="mirror-rtl size-3.5" aria-hidden />
        </a>
      </div>
    </aside>
  )
}

function Add({ onClose, onMade }: { onClose: () => void; onMade: (made: WhatsappSession) => void }) {
  const { t } = useTranslation()
  const [name, setName] = useState('')
  const make = useMutation({
    mutationFn: (): Promise<WhatsappSession> => body(api.POST('/api/v1/whatsapp-sessions', { body: { name: name.trim() } })),
    onSuccess: (made) => {
      queries.setQueryData(keys.sessions, (held: Rows<WhatsappSession> | undefined) =>
        held && !held.items.some((item) => item.id === made.id) ? { ...held, items: [...held.items, made] } : held,
      )
      onMade(made)
    },
  })
  const problem = useProblem(make.error)
  return (
    <Dialog open onClose={onClose} title={t('whatsapp.add')} description={t('whatsapp.add_help')}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          make.mutate()
        }}
      >
        <Field label={t('settings.inboxes.name')} help={t('settings.inboxes.name_help')}>
          {(ids) => <Input {...ids} autoFocus required maxLength={120} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        {make.error && (
          <p role="alert" className="text-sm text-danger">
            {problem}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button kind="primary" type="submit" disabled={make.isPending}>
            {t('whatsapp.next')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
