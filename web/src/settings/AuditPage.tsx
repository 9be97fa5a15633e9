// The audit log: who did what, filtered by person and by kind of deed, newest first.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Bot, KeyRound, ScrollText, Server } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import type { AuditEntry } from '@/api/model'
import { apiKeysQuery, auditQuery, staffQuery } from '@/api/queries'
import { day, clock, dayOf, full } from '@/i18n/format'
import { Avatar } from '@/ui/Avatar'
import { Button } from '@/ui/Button'
import { Field, Select } from '@/ui/Field'
import { Bone, Empty, Loading, Trouble } from '@/ui/State'
import { useNow } from '@/ui/useNow'
import { AdminsOnly, Page } from './Page'
import { useAdmin } from './SettingsPage'

const NOUNS = ['auth', 'staff', 'api_key', 'inbox', 'demo_page', 'connection', 'agent_settings', 'conversation', 'contact', 'call', 'job'] as const

export default function AuditPage() {
  const { t } = useTranslation()
  const admin = useAdmin()
  return (
    <Page title={t('place.audit')} about={t('settings.audit.about')}>
      {admin ? <Log /> : <AdminsOnly />}
    </Page>
  )
}

function Log() {
  const { t } = useTranslation()
  const [actor, setActor] = useState('')
  const [action, setAction] = useState('')
  const staff = useQuery(staffQuery)
  const apiKeys = useQuery(apiKeysQuery)
  const query = useInfiniteQuery(auditQuery({ actor: actor || undefined, action: action || undefined }))
  return (
    <>
      <div className="mb-4 flex flex-wrap gap-3">
        <Field label={t('settings.audit.who')} className="min-w-44 flex-1 sm:max-w-64">
          {(ids) => (
            <Select {...ids} value={actor} onChange={(event) => setActor(event.target.value)}>
              <option value="">{t('settings.audit.everybody')}</option>
              {staff.data?.items.map((person) => (
                <option key={person.id} value={person.id}>
                  {person.name}
                </option>
              ))}
              {apiKeys.data?.items.map((key) => (
                <option key={key.id} value={key.id}>
                  {t('settings.audit.key', { name: key.name })}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t('settings.audit.what')} className="min-w-44 flex-1 sm:max-w-64">
          {(ids) => (
            <Select {...ids} value={action} onChange={(event) => setAction(event.target.value)}>
              <option value="">{t('settings.audit.everything')}</option>
              {NOUNS.map((noun) => (
                <option key={noun} value={noun}>
                  {t(`settings.audit.about_noun.${noun}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      {query.isPending && (
        <Loading>
          <div className="space-y-3">
            <Bone className="h-9 w-full" />
            <Bone className="h-9 w-full" />
            <Bone className="h-9 w-full" />
          </div>
        </Loading>
      )}
      {query.isError && <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />}
      {query.data && <Lines entries={query.data.pages.flatMap((page) => page.items)} />}
      {query.hasNextPage && (
        <Button className="mt-4" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('common.more')}
        </Button>
      )}
    </>
  )
}

function Lines({ entries }: { entries: AuditEntry[] }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  if (entries.length === 0) {
    return (
      <div className="h-56 border-t">
        <Empty icon={<ScrollText />} title={t('settings.audit.none')}>
          {t('settings.audit.none_help')}
        </Empty>
      </div>
    )
  }
  const days = new Map<number, AuditEntry[]>()
  for (const entry of entries) {
    const on = dayOf(entry.at)
    days.set(on, [...(days.get(on) ?? []), entry])
  }
  return (
    <div data-testid="audit">
      {[...days].map(([each, lines]) => (
        <section key={each} aria-label={day(lines[0]!.at, now)}>
          <h3 className="border-b bg-surface py-2 text-xs font-medium text-ink-3">{day(lines[0]!.at, now)}</h3>
          <ul>
            {lines.map((entry) => (
              <Entry key={entry.id} entry={entry} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  )
}

function Entry({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation()
  const detail = Object.entries(entry.detail ?? {})
  const did = t(`settings.audit.did.${entry.action.replace('.', '_') as 'auth_signed_in'}`, { defaultValue: entry.action })
  return (
    <li className="flex items-start gap-3 border-b py-2" data-action={entry.action}>
      <Actor entry={entry} />
      <div className="min-w-0 flex-1">
        <p className="text-sm">
          <Name entry={entry} /> <span className="text-ink-3" aria-hidden>·</span> {did}
        </p>
        {detail.length > 0 && (
          <p dir="ltr" className="mt-0.5 font-mono text-2xs break-words text-ink-3 rtl:text-end">
            {detail.map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' · ')}
          </p>
        )}
      </div>
      <time dateTime={entry.at} title={full(entry.at)} className="shrink-0 text-xs leading-5 text-ink-3 tabular-nums">
        {clock(entry.at)}
      </time>
    </li>
  )
}

function Actor({ entry }: { entry: AuditEntry }) {
  const name = useActorName(entry)
  if (entry.actor_kind === 'staff' && entry.actor_id) return <Avatar id={entry.actor_id} name={name} size="sm" />
  const Icon = entry.actor_kind === 'agent' ? Bot : entry.actor_kind === 'api_key' ? KeyRound : Server
  return (
    <span className="flex size-5 shrink-0 items-center justify-center text-ink-3">
      <Icon className="size-4" aria-hidden />
    </span>
  )
}

function Name({ entry }: { entry: AuditEntry }) {
  return <bdi className="font-medium">{useActorName(entry)}</bdi>
}

function useActorName(entry: AuditEntry): string {
  const { t } = useTranslation()
  const { data: staff } = useQuery(staffQuery)
  const { data: apiKeys } = useQuery(apiKeysQuery)
  if (entry.actor_kind === 'system') return t('settings.audit.system')
  if (entry.actor_kind === 'agent') return t('settings.audit.agent')
  if (entry.actor_kind === 'staff') return staff?.items.find((person) => person.id === entry.actor_id)?.name ?? t('settings.audit.gone')
  const key = apiKeys?.items.find((each) => each.id === entry.actor_id)
  return key ? t('settings.audit.key', { name: key.name }) : t('settings.audit.gone')
}
