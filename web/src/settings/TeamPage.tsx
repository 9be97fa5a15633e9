// The team: who is in it, what each may do, and inviting another.
import { useMutation, useQuery } from '@tanstack/react-query'
import { UserPlus } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { api, body } from '@/api/client'
import type { Page as ListPage, Role, Staff } from '@/api/model'
import { queries, staffQuery } from '@/api/queries'
import { useSession } from '@/api/session'
import { keys } from '@/live/patch'
import { useSignals } from '@/live/signals'
import { complain } from '@/shell/complaints'
import { Avatar } from '@/ui/Avatar'
import { Button } from '@/ui/Button'
import { cx } from '@/ui/cx'
import { Dialog } from '@/ui/Dialog'
import { Field, Input, Select } from '@/ui/Field'
import { Bone, Loading, Trouble, useProblem } from '@/ui/State'
import { AdminsOnly, CopyText, Page } from './Page'
import { useAdmin } from './SettingsPage'

const ROLES: Role[] = ['owner', 'admin', 'staff', 'read_only']

export default function TeamPage() {
  const { t } = useTranslation()
  const admin = useAdmin()
  const query = useQuery(staffQuery)
  const [inviting, setInviting] = useState(false)
  return (
    <Page
      title={t('place.team')}
      about={t('settings.team.about')}
      action={
        admin && (
          <Button kind="primary" icon={<UserPlus className="size-4" />} onClick={() => setInviting(true)}>
            {t('settings.team.invite')}
          </Button>
        )
      }
    >
      {!admin && <AdminsOnly />}
      {query.isPending && (
        <Loading>
          <div className="space-y-3">
            <Bone className="h-12 w-full" />
            <Bone className="h-12 w-full" />
          </div>
        </Loading>
      )}
      {query.isError && <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />}
      {query.data && (
        <ul className="border-t">
          {query.data.items.map((person) => (
            <Member key={person.id} person={person} admin={admin} />
          ))}
        </ul>
      )}
      {inviting && <Invite onClose={() => setInviting(false)} />}
    </Page>
  )
}

function Member({ person, admin }: { person: Staff; admin: boolean }) {
  const { t } = useTranslation()
  const me = useSession((state) => state.me?.staff)
  const online = useSignals((state) => person.id in state.online)
  const change = useMutation({
    mutationFn: (part: { role?: Role; disabled?: boolean }) =>
      body(api.PATCH('/api/v1/staff/{id}', { params: { path: { id: person.id } }, body: part })),
    onSuccess: (row) =>
      queries.setQueryData(keys.staff, (data: ListPage<Staff> | undefined) => data && { ...data, items: data.items.map((item) => (item.id === row.id ? row : item)) }),
    onError: complain,
  })
  const own = person.id === me?.id
  const fixed = !admin || own || (person.role === 'owner' && me?.role !== 'owner')
  return (
    <li className={cx('flex flex-wrap items-center gap-x-3 gap-y-2 border-b py-2.5', person.disabled && 'opacity-70')}>
      <span className="relative">
        <Avatar id={person.id} name={person.name} />
        {online && <span className="absolute -end-0.5 -bottom-0.5 size-2.5 rounded-full border-2 border-surface bg-ink" />}
      </span>
      <div className="min-w-40 flex-1">
        <p className="truncate text-sm font-medium">
          <bdi>{person.name}</bdi>
          {own && <span className="font-normal text-ink-3"> · {t('settings.team.you')}</span>}
          {online && <span className="font-normal text-ink-3"> · {t('settings.team.online')}</span>}
          {person.disabled && <span className="font-normal text-ink-3"> · {t('settings.team.disabled')}</span>}
        </p>
        <p className="truncate text-xs text-ink-3">
          <bdi dir="ltr">{person.email}</bdi>
        </p>
      </div>
      {fixed ? (
        <span className="text-sm text-ink-2">{t(`role.${person.role}`)}</span>
      ) : (
        <>
          <Select aria-label={t('settings.team.role_of', { name: person.name })} value={person.role} onChange={(event) => change.mutate({ role: event.target.value as Role })}>
            {ROLES.filter((role) => role !== 'owner' || me?.role === 'owner').map((role) => (
              <option key={role} value={role}>
                {t(`role.${role}`)}
              </option>
            ))}
          </Select>
          <Button size="sm" kind="quiet" onClick={() => change.mutate({ disabled: !person.disabled })}>
            {person.disabled ? t('settings.team.enable') : t('settings.team.disable')}
          </Button>
        </>
      )}
    </li>
  )
}

function Invite({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [form, setForm] = useState<{ name: string; email: string; role: Role }>({ name: '', email: '', role: 'staff' })
  const invite = useMutation({
    mutationFn: () => body(api.POST('/api/v1/staff', { body: form })),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.staff }),
  })
  const problem = useProblem(invite.error)
  if (invite.data) {
    return (
      <Dialog open onClose={onClose} title={t('settings.team.invited', { name: invite.data.staff.name })} description={t('settings.team.invited_help')}>
        <CopyText text={new URL(invite.data.sign_in_link, location.href).href} label={t('settings.team.link')} />
      </Dialog>
    )
  }
  return (
    <Dialog open onClose={onClose} title={t('settings.team.invite')}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          invite.mutate()
        }}
      >
        <Field label={t('settings.team.name')}>
          {(ids) => <Input {...ids} autoFocus required maxLength={120} value={form.name} onChange={(event) => setForm({ ...form, name: event.target.value })} />}
        </Field>
        <Field label={t('sign_in.email')}>
          {(ids) => <Input {...ids} type="email" required dir="ltr" value={form.email} onChange={(event) => setForm({ ...form, email: event.target.value })} />}
        </Field>
        <Field label={t('settings.team.role')} help={t(`role.${form.role}_help` as 'role.staff_help')}>
          {(ids) => (
            <Select {...ids} value={form.role} onChange={(event) => setForm({ ...form, role: event.target.value as Role })}>
              {ROLES.slice(1).map((role) => (
                <option key={role} value={role}>
                  {t(`role.${role}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {invite.error && (
          <p role="alert" className="text-sm text-danger">
            {problem}
          </p>
        )}
        <Button kind="primary" type="submit" disabled={invite.isPending} className="self-end">
          {t('settings.team.invite')}
        </Button>
      </form>
    </Dialog>
  )
}
