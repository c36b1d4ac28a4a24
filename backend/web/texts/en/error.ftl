# When something is not found or refused.
error-home = To the status page
