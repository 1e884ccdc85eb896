"""Lines as commands read and write them: files, groups, formats, resume."""
