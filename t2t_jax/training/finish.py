def finish(workdir, result, say): say(str(result))
