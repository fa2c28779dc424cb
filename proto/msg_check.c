/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * One check per payload of msg.h: every field, refused or taken as it is.
 * Here, those that more than one program receives.  The other side
 * checks again what a worker has checked, because the worker may by now be
 * somebody else's program.  Pure; 1 is good.
 */
#include "msg_check.h"

CHECK(none)
{
	return (m->zero == 0);
}

CHECK(text)
{
	return (valid_text(m->text, sizeof(m->text)));
}

CHECK(signal)
{
	return (m->signo > 0 && m->signo < 65);
}

CHECK(note)
{
	return (m->kind < NOTE_MAX && m->zero == 0 &&
	    valid_text(m->text, sizeof(m->text)));
}

CHECK(failure)
{
	return ((m->status == 1 || (m->status >= 125 && m->status <= 127)) &&
	    valid_text(m->text, sizeof(m->text)));
}

CHECK(stdio)
{
	return (m->which < STDIO_MAX);
}

CHECK(exited)
{
	return (m->status <= 255);
}

CHECK(conf_word)
{
	return (valid_string(m->data, sizeof(m->data)));
}
