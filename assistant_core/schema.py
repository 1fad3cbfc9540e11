"""The tables of the history database, as the steps that lead to them: append-only, applied once each, by name."""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "m001_initial",
        """
        CREATE TABLE sessions (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, host TEXT, user TEXT
        );
        CREATE TABLE commands (
            id INTEGER PRIMARY KEY,
            session_id INTEGER NOT NULL REFERENCES sessions (id),
            line TEXT NOT NULL,
            cwd TEXT,
            git_root TEXT,
            started_ns INTEGER,
            duration_ns INTEGER,
            exit_code INTEGER,
            environment TEXT,
            author TEXT NOT NULL,
            redacted INTEGER NOT NULL,
            added_ns INTEGER NOT NULL,
            fingerprint INTEGER
        );
        CREATE INDEX commands_session ON commands (session_id);
        CREATE UNIQUE INDEX commands_fingerprint ON commands (fingerprint) WHERE fingerprint IS NOT NULL;
        CREATE TABLE suggestions (
            id INTEGER PRIMARY KEY, session TEXT NOT NULL, at_ns INTEGER NOT NULL, typed TEXT NOT NULL,
            line TEXT NOT NULL, source TEXT NOT NULL, probability REAL NOT NULL, accepted TEXT NOT NULL,
            ran INTEGER NOT NULL
        );
        CREATE TABLE feedback (
            id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, session TEXT NOT NULL, rating TEXT NOT NULL,
            note TEXT NOT NULL, about TEXT NOT NULL, subject TEXT NOT NULL, response TEXT NOT NULL
        );
        CREATE TABLE examples (
            id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, line TEXT NOT NULL, meaning TEXT NOT NULL
        );
        CREATE TABLE forgotten (digest BLOB PRIMARY KEY, at_ns INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE salt (value BLOB NOT NULL);
        INSERT INTO salt VALUES (randomblob(16));
        """,
    ),
)
