"""SFTP version 3 (draft-ietf-secsh-filexfer-02) and the old scp protocol, each on one SSH session channel."""
